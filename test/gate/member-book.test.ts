import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '../../src/database/database.ts';
import { createMemberBook } from '../../src/gate/member-book.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

const ACME = 'acme00000000';
let stack: AppStack;
beforeAll(async () => {
  stack = await startAppStack();
});
afterAll(() => stack.close());

const bookOn = (database: Database, mirrored = true) =>
  createMemberBook({ database, directory: stack.gate.directory, defaultTenant: 'default', mirrored });

async function book(
  key: string,
  row: { state?: string; snapshot?: unknown; tenant?: string; member?: boolean },
) {
  const { database } = stack.gate;
  if (row.state)
    await database.query(
      `insert into elp.sync_subject (id, state, settled, snapshot, created_at, changed_at)
       values ($1, $2, true, $3::jsonb, now(), now())`,
      [`user:${key}`, row.state, row.snapshot ? JSON.stringify(row.snapshot) : null],
    );
  if (row.tenant)
    await database.query('insert into elp.sync_membership (user_key, tenant, member) values ($1, $2, $3)', [
      key,
      row.tenant,
      row.member,
    ]);
}

describe('one person and the whole list', () => {
  const states = [undefined, 'active', 'suspended', 'deleted'];
  const memberships = [undefined, true, false];
  const held = ['nothing', 'a role', 'a role on an object'] as const;
  const kinds = states.flatMap((state) =>
    memberships.flatMap((member) => held.map((holds) => ({ state, member, holds }))),
  );
  const keyOf = (kind: (typeof kinds)[number]) => `kind${String(kinds.indexOf(kind)).padStart(2, '0')}`;

  beforeAll(async () => {
    const { directory } = stack.gate;
    await directory.syncUsers(kinds.map((kind) => ({ key: keyOf(kind) })));
    for (const tenant of [ACME, 'default']) {
      await directory.createInstance({ type: 'reports', key: `of-${tenant}`, tenant });
      await directory.assignMany(
        kinds
          .filter(({ holds }) => holds !== 'nothing')
          .map((kind) =>
            kind.holds === 'a role'
              ? { user: keyOf(kind), role: 'viewer', tenant }
              : { user: keyOf(kind), role: 'reader', tenant, resourceInstance: `reports:of-${tenant}` },
          ),
      );
    }
    for (const kind of kinds) {
      await book(keyOf(kind), {
        ...(kind.state ? { state: kind.state } : {}),
        ...(kind.member === undefined ? {} : { tenant: ACME, member: kind.member }),
      });
    }
  });

  it.each([[ACME], ['default']])('agree about everybody: %s', async (tenant) => {
    const listed = new Set((await stack.gate.members.list(tenant)).map(({ id }) => id));
    const alone: string[] = [];
    for (const kind of kinds) {
      if (await stack.gate.members.isMember(keyOf(kind), tenant)) alone.push(keyOf(kind));
    }
    expect(kinds.map(keyOf).filter((key) => listed.has(key))).toEqual(alone);
    expect(alone.length).toBeGreaterThan(0);
  });

  it.each([
    ['a role and no books', { state: undefined, member: undefined, holds: 'a role' }, true],
    [
      'a role on an object alone',
      { state: undefined, member: undefined, holds: 'a role on an object' },
      false,
    ],
    ['a membership without a role', { state: 'active', member: true, holds: 'nothing' }, true],
    ['a membership that ended', { state: 'active', member: false, holds: 'a role' }, false],
    [
      'a suspension where nobody booked a membership',
      { state: 'suspended', member: undefined, holds: 'a role' },
      false,
    ],
    ['a tombstone', { state: 'deleted', member: undefined, holds: 'a role' }, false],
  ])('say what is so: %s', async (_what, wanted, expected) => {
    const kind = kinds.find(
      ({ state, member, holds }) =>
        state === wanted.state && member === wanted.member && holds === wanted.holds,
    );
    if (!kind) throw new Error('no such kind');
    const listed = (await stack.gate.members.list(ACME)).map(({ id }) => id);
    expect([await stack.gate.members.isMember(keyOf(kind), ACME), listed.includes(keyOf(kind))]).toEqual([
      expected,
      expected,
    ]);
  });

  it('count a suspended member where that is asked for, by membership or by what is held back', async () => {
    await book('heldback', { state: 'suspended', snapshot: [{ tenant: ACME, role: 'viewer' }] });
    await book('elsewhere', { state: 'suspended', snapshot: [{ tenant: 'globex000000', role: 'viewer' }] });
    const { isMember } = stack.gate.members;
    expect([await isMember('heldback', ACME), await isMember('elsewhere', ACME)]).toEqual([false, false]);
    expect(await isMember('heldback', ACME, { orSuspended: true })).toBe(true);
    expect(await isMember('elsewhere', ACME, { orSuspended: true })).toBe(false);
  });
});

it('finds one person among many by an index', async () => {
  const { database } = stack.gate;
  await database.query(
    `insert into elp.sync_subject (id, settled, created_at, changed_at)
     select 'user:many' || n, true, now(), now() from generate_series(1, 5000) n`,
  );
  await database.query(
    `insert into elp.sync_membership (user_key, tenant, member) select 'many' || n, $1, true from generate_series(1, 5000) n`,
    [ACME],
  );
  await database.query('analyze elp.sync_subject, elp.sync_membership');
  const asked: { sql: string; parameters: readonly unknown[] }[] = [];
  const members = bookOn({
    ...database,
    query(sql, parameters = []) {
      asked.push({ sql, parameters });
      return database.query(sql, parameters);
    },
  });
  expect(await members.isMember('many42', ACME)).toBe(true);
  expect(asked).toHaveLength(1);
  for (const { sql, parameters } of asked) {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, parameters);
    const [, cost] = /cost=\S+\.\.([\d.]+)/.exec(rows[0]?.['QUERY PLAN'] ?? '') ?? [];
    // Two look-ups; whatever walks one of the tables costs some hundreds.
    expect(Number(cost)).toBeLessThan(50);
  }
});

it('a role of Logto is one only as long as Logto is followed', async () => {
  const grant = { user: 'carol0000000', tenant: ACME, role: 'viewer' };
  await stack.gate.database.query(
    `insert into elp.managed_grant (user_key, tenant, role, source, done) values ($1, $2, $3, 'logto', true)`,
    [grant.user, grant.tenant, grant.role],
  );
  expect(await bookOn(stack.gate.database).isFromLogto(grant)).toBe(true);
  expect(await bookOn(stack.gate.database).isFromLogto({ ...grant, role: 'editor' })).toBe(false);
  expect(await bookOn(stack.gate.database, false).isFromLogto(grant)).toBe(false);
});

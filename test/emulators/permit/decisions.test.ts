import { describe, expect, it } from '@jest/globals';
import { compileConditions, InvalidConditions } from '../../../src/emulators/permit/engine/conditions.ts';
import { decide } from '../../../src/emulators/permit/engine/decide.ts';
import { explain } from '../../../src/emulators/permit/engine/explain.ts';
import { createFacts } from '../../../src/emulators/permit/engine/facts.ts';
import { allowedTenants, authorizedUsers } from '../../../src/emulators/permit/engine/permissions.ts';
import type { EngineQuestion } from '../../../src/emulators/permit/engine/question.ts';
import type { World } from '../../../src/emulators/permit/engine/roles.ts';
import { createSchema, type RoleDefinition } from '../../../src/emulators/permit/engine/schema.ts';

const permissions = (names: string[]) =>
  names.map((name) => ({ type: name.split(':')[0] ?? '', action: name.split(':')[1] ?? '' }));
const role = (key: string, names: string[], more: Partial<RoleDefinition> = {}): RoleDefinition => ({
  key,
  permissions: permissions(names),
  ...more,
});
const rule = (on: string, from: string, by: string, noDirectRoles = false) => ({
  role: from,
  on,
  by,
  noDirectRoles,
});

/** Folders in folders; a document inherits readers from its folder, a folder its keepers from its parent. */
function createWorld(): World {
  const schema = createSchema();
  schema.putResource('doc', ['read', 'write', 'share']);
  schema.putResource('folder', ['read', 'write']);
  schema.putRole('__tenant', role('viewer', ['doc:read']));
  schema.putRole('__tenant', role('editor', ['doc:write'], { extends: ['viewer'] }));
  schema.putRole('__tenant', role('admin', ['doc:share'], { extends: ['editor'] }));
  schema.putRole(
    'folder',
    role('keeper', ['folder:write'], {
      derivation: { noDirectRoles: false, rules: [rule('folder', 'keeper', 'parent')] },
    }),
  );
  schema.putRole(
    'doc',
    role('reader', ['doc:read'], {
      derivation: { noDirectRoles: false, rules: [rule('folder', 'keeper', 'in')] },
    }),
  );
  schema.putRole('doc', role('writer', ['doc:write'], { extends: ['reader'] }));
  schema.putRole(
    'doc',
    role('shy', ['doc:share'], {
      derivation: { noDirectRoles: true, rules: [rule('folder', 'keeper', 'in')] },
    }),
  );

  const facts = createFacts();
  for (const tenant of ['acme', 'globex']) facts.putTenant(tenant, {});
  for (const user of ['ann', 'ben', 'cat', 'dan']) facts.putUser(user, { key: user });
  facts.assign({ user: 'ann', role: 'admin', tenant: 'acme' });
  facts.assign({ user: 'ben', role: 'viewer', tenant: 'acme' });
  facts.assign({ user: 'cat', role: 'keeper', tenant: 'acme', instance: 'folder:top' });
  facts.assign({ user: 'dan', role: 'writer', tenant: 'acme', instance: 'doc:d1' });
  facts.putInstance('doc:d1', 'acme', {});
  facts.relate({ subject: 'folder:top', relation: 'parent', object: 'folder:mid' });
  facts.relate({ subject: 'folder:mid', relation: 'parent', object: 'folder:low' });
  // A circle: nothing may go round it for ever.
  facts.relate({ subject: 'folder:low', relation: 'parent', object: 'folder:top' });
  facts.relate({ subject: 'folder:low', relation: 'in', object: 'doc:d1' });
  return { schema, facts };
}

const ask = (user: string, action: string, object: string, tenant = 'acme'): EngineQuestion => {
  const [type = '', key] = object.split(':');
  return { user: { key: user }, action, resource: { type, tenant, ...(key === undefined ? {} : { key }) } };
};

describe('roles', () => {
  it.each<[string, string, string, string, boolean]>([
    ['ann', 'read', 'doc', 'acme', true],
    ['ann', 'share', 'doc', 'acme', true],
    ['ann', 'share', 'doc', 'globex', false],
    ['ben', 'read', 'doc', 'acme', true],
    ['ben', 'write', 'doc', 'acme', false],
    ['ben', 'read', 'folder', 'acme', false],
    ['ben', 'fly', 'doc', 'acme', false],
    ['ben', 'read', 'nothing', 'acme', false],
    ['nobody', 'read', 'doc', 'acme', false],
    // RBAC does not look at the object: the caller must name the true tenant.
    ['ben', 'read', 'doc:of-globex', 'acme', true],
    ['cat', 'write', 'folder:top', 'acme', true],
    ['cat', 'write', 'folder:low', 'acme', true],
    ['cat', 'read', 'doc:d1', 'acme', true],
    ['cat', 'write', 'doc:d1', 'acme', false],
    ['cat', 'read', 'doc', 'acme', false],
    ['dan', 'read', 'doc:d1', 'acme', true],
    ['dan', 'write', 'doc:d1', 'acme', true],
    ['dan', 'write', 'doc:d2', 'acme', false],
    // Holding a role that extends another is not holding the other: only its permissions come along.
    ['dan', 'write', 'folder:low', 'acme', false],
  ])('%s may %s %s in %s: %s', (user, action, object, tenant, expected) => {
    expect(decide(createWorld(), ask(user, action, object, tenant)).allow).toBe(expected);
  });

  it('a direct role on the object switches a derivation off that says so', () => {
    const world = createWorld();
    expect(decide(world, ask('cat', 'share', 'doc:d1')).allow).toBe(true);
    world.facts.assign({ user: 'cat', role: 'reader', tenant: 'acme', instance: 'doc:d1' });
    expect(decide(world, ask('cat', 'share', 'doc:d1')).allow).toBe(false);
    expect(decide(world, ask('cat', 'read', 'doc:d1')).allow).toBe(true);
  });

  it('walks chains that are longer than a call stack', () => {
    const world = createWorld();
    for (let i = 0; i < 50_000; i += 1) {
      world.facts.relate({ subject: `folder:f${i}`, relation: 'parent', object: `folder:f${i + 1}` });
    }
    world.facts.assign({ user: 'ben', role: 'keeper', tenant: 'acme', instance: 'folder:f0' });
    expect(decide(world, ask('ben', 'write', 'folder:f50000')).allow).toBe(true);
    expect(decide(world, ask('dan', 'write', 'folder:f50000')).allow).toBe(false);
  });

  it("can compare the tenant with the instance's own, when told to", () => {
    const world = createWorld();
    const elsewhere = ask('dan', 'write', 'doc:d1', 'globex');
    expect(decide(world, elsewhere).allow).toBe(true);
    expect(decide(world, elsewhere, { compareInstanceTenant: true }).allow).toBe(false);
    expect(decide(world, ask('dan', 'write', 'doc:d1'), { compareInstanceTenant: true }).allow).toBe(true);
  });

  it('forgets what was taken away', () => {
    const world = createWorld();
    world.facts.unrelate({ subject: 'folder:low', relation: 'in', object: 'doc:d1' });
    expect(decide(world, ask('cat', 'read', 'doc:d1')).allow).toBe(false);
    world.schema.deleteRole('__tenant', 'viewer');
    expect(decide(world, ask('ann', 'read', 'doc')).allow).toBe(false);
    expect(decide(world, ask('ann', 'write', 'doc')).allow).toBe(true);
    world.facts.deleteUser('ann');
    expect(decide(world, ask('ann', 'write', 'doc')).allow).toBe(false);
  });

  it('says who may, and where', () => {
    const world = createWorld();
    const who = authorizedUsers(world, ask('', 'read', 'doc:d1'));
    expect(who.resource).toBe('doc:d1');
    expect(Object.keys(who.users).sort()).toEqual(['ann', 'ben', 'cat', 'dan']);
    expect(who.users.cat).toEqual([
      { user: 'cat', tenant: 'acme', resource: 'folder:top', role: 'folder#keeper' },
    ]);
    expect(authorizedUsers(world, ask('', 'share', 'doc')).resource).toBe('doc:*');
    const tenants = allowedTenants(world, ask('ben', 'read', 'doc'), {}).map(({ tenant }) => tenant.key);
    expect(tenants).toEqual(['acme']);
  });

  it.each<[EngineQuestion, string]>([
    [ask('ann', 'share', 'doc'), 'allow'],
    [ask('ann', 'share', 'car'), 'no_such_resource'],
    [ask('ann', 'fly', 'doc'), 'no_such_action'],
    [ask('ann', 'read', 'doc', 'nowhere'), 'no_such_tenant'],
    [ask('nobody', 'read', 'doc'), 'user_not_synced'],
    [ask('cat', 'read', 'doc'), 'no_user_roles'],
    [ask('ben', 'read', 'doc', 'globex'), 'no_role_in_tenant'],
    [ask('ben', 'write', 'doc'), 'no_permission'],
  ])('explains %j with %s', (question, code) => {
    const world = createWorld();
    const { rbac } = explain(world, question, decide(world, question));
    expect(rbac.code).toBe(code);
    const link = 'support_link' in rbac ? rbac.support_link : undefined;
    expect(link).toBe(code === 'allow' ? undefined : `https://docs.permit.io/errors/${code}`);
  });
});

describe('conditions', () => {
  const scope = {
    user: {
      age: 20,
      name: 'ann',
      tags: ['a', 'b'],
      boss: 'k1',
      address: { city: 'Bern' },
      jobs: [{ at: 'x' }],
      none: null,
    },
    resource: { type: 'doc', owner: 'ann', size: 5 },
    tenant: { plan: 'gold' },
    context: { ip: '10.0.0.1' },
    instance: (name: string) => (name === 'team:k1' ? { lead: true } : undefined),
  };

  it.each<[unknown, boolean]>([
    [{}, true],
    [{ allOf: [] }, true],
    [{ anyOf: [] }, false],
    [{ 'user.age': { equals: 20 } }, true],
    [{ 'user.age': { 'not-equals': 20 } }, false],
    [{ 'user.age': { 'greater-than': 19, 'less-than': 21 } }, true],
    [{ 'user.age': { 'greater-than-equals': 20 } }, true],
    [{ 'user.age': { 'less-than-equals': 19 } }, false],
    [{ 'user.age': { between: [20, 30] } }, true],
    [{ 'user.age': { between: [21, 30] } }, false],
    [{ 'user.age': { or: [{ between: [1, 5] }, { 'greater-than': 19 }] } }, true],
    [{ 'user.age': { not: [{ equals: 20 }] } }, false],
    [{ 'user.name': { contains: 'nn' } }, true],
    [{ 'user.name': { in: ['ben', 'ann'] } }, true],
    [{ 'user.tags': { array_contains: 'a' } }, true],
    [{ 'user.tags': { array_subset: ['a', 'b', 'c'] } }, true],
    [{ 'user.tags': { array_subset: ['a'] } }, false],
    [{ 'user.tags': { array_superset: ['a'] } }, true],
    [{ 'user.tags': { array_intersect: ['b', 'z'] } }, true],
    [{ 'user.address.city': { equals: 'Bern' } }, true],
    [{ 'subject.name': { equals: { ref: 'resource.owner' } } }, true],
    [{ 'subject.name': { equals: { ref: 'resource.nothing' } } }, false],
    [{ 'environment.ip': { equals: '10.0.0.1' } }, true],
    [{ 'tenant.plan': { equals: 'gold' } }, true],
    [{ 'user.address': { object_match: { match: { city: { equals: 'Bern' } } } } }, true],
    [{ 'user.jobs': { any_match: { match: { at: { equals: 'x' } } } } }, true],
    [{ 'user.jobs': { all_match: { match: { at: { equals: 'y' } } } } }, false],
    [
      { 'user.boss': { object_match: { match: { lead: { equals: true } }, fk_resource_type: 'team' } } },
      true,
    ],
    [{ 'user.none': { equals: null } }, true],
    // Undefined is false, whatever the comparison; under `not` it is true.
    [{ 'user.height': { equals: null } }, false],
    [{ 'user.height': { 'not-equals': 1 } }, false],
    [{ not: { 'user.height': { equals: 1 } } }, true],
    [{ not: { 'user.height': { 'not-equals': 1 } } }, true],
    // Nothing but numbers among themselves and strings among themselves has an order.
    [{ 'user.name': { 'greater-than': 1 } }, false],
    [{ 'user.age': { 'less-than': '9' } }, false],
    [{ 'user.__proto__': { equals: {} } }, false],
  ])('%j is %s', (conditions, expected) => {
    expect(compileConditions(conditions).holds(scope)).toBe(expected);
  });

  it.each<[unknown]>([
    [[]],
    ['x'],
    [{ all_of: [] }],
    [{ allOf: {} }],
    [{ 'user.age': { older: 3 } }],
    [{ 'user.age': 3 }],
    [{ 'user.age': { in: 3 } }],
    [{ 'user.age': { between: [1] } }],
    [{ 'user.age': { in: { ref: 'user.tags' } } }],
    [{ 'user.age': { equals: { ref: 7 } } }],
    [{ user: { equals: 1 } }],
    [{ 'car.age': { equals: 1 } }],
    [{ 'user.jobs': { any_match: { at: { equals: 'x' } } } }],
    [{ 'user.jobs': { any_match: { match: { at: { like: 'x' } } } } }],
  ])('%j is refused when the set is made', (conditions) => {
    expect(() => compileConditions(conditions)).toThrow(InvalidConditions);
  });
});

describe('attributes of a question', () => {
  function world(): World {
    const made = createWorld();
    made.schema.putConditionSet({
      key: 'vip',
      kind: 'userset',
      conditions: { 'user.level.rank': { equals: 1 } },
    });
    made.schema.putConditionSet({
      key: 'mine',
      kind: 'resourceset',
      resource: 'doc',
      conditions: { 'resource.open': { equals: true } },
    });
    made.schema.putRule({ userSet: 'vip', resourceSet: 'mine', type: 'doc', action: 'write' });
    made.schema.putRule({ userSet: '__autogen_viewer', resourceSet: 'mine', type: 'doc', action: 'share' });
    made.facts.putUser('ben', { level: { rank: 1, since: 2020 } });
    made.facts.putInstance('doc:d1', 'acme', { open: true });
    return made;
  }

  it('merges stored and passed attributes; the passed ones win', () => {
    const asked = ask('ben', 'write', 'doc:d1');
    expect(decide(world(), asked).sources).toEqual(['abac']);
    const lower = { ...asked, user: { key: 'ben', attributes: { level: { rank: 2 } } } };
    expect(decide(world(), lower).allow).toBe(false);
    const since = { ...asked, user: { key: 'ben', attributes: { level: { since: 2021 } } } };
    expect(decide(world(), since).allow).toBe(true);
    const closed = { ...asked, resource: { ...asked.resource, attributes: { open: false } } };
    expect(decide(world(), closed).allow).toBe(false);
  });

  it('evaluates a user that was never synced', () => {
    const asked = ask('stranger', 'write', 'doc:d1');
    expect(decide(world(), asked).allow).toBe(false);
    const passed = { ...asked, user: { key: 'stranger', attributes: { level: { rank: 1 } } } };
    expect(decide(world(), passed).allow).toBe(true);
  });

  it('lets passed attributes override roles and type: whoever passes them on is lost', () => {
    expect(decide(world(), ask('ben', 'share', 'doc:d1')).allow).toBe(true);
    expect(decide(world(), ask('ben', 'share', 'doc:d1', 'globex')).allow).toBe(false);
    const forged = ask('dan', 'share', 'doc:d1');
    expect(
      decide(world(), { ...forged, user: { key: 'dan', attributes: { roles: ['viewer'] } } }).allow,
    ).toBe(true);
    const retyped = ask('ben', 'share', 'doc:d1');
    expect(
      decide(world(), { ...retyped, resource: { ...retyped.resource, attributes: { type: 'car' } } }).allow,
    ).toBe(false);
  });
});

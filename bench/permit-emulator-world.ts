import { Agent, request } from 'undici';

export const policy = {
  resources: {
    reports: {
      actions: ['view', 'edit'],
      roles: { reader: ['view'] },
      relations: { parent: 'folders' },
      derivations: [{ role: 'reader', from: { resource: 'folders', role: 'keeper' }, by: 'parent' }],
    },
    folders: { actions: ['open'], roles: { keeper: ['open'] } },
  },
  roles: { viewer: ['reports:view'], editor: ['reports:view', 'reports:edit'] },
} as const;

export type Size = { users: number; tenants: number; tuples: number };
export const small: Size = { users: 100, tenants: 10, tuples: 100 };
/** Every user has a role in every tenant: a million assignments, and a hundred thousand tuples beside them. */
export const large: Size = { users: 100_000, tenants: 10, tuples: 100_000 };

/** Questions of every kind, spread over the world: a tenant role, a missing one, a derived role, a missing one. */
export function questionsOf({ users, tenants, tuples }: Size, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const user = { key: `user-${(i * 7919) % users}` };
    const tenant = `tenant-${i % tenants}`;
    const nth = (i * 104_729) % tuples;
    if (i % 4 === 0) return { user, action: 'view', resource: { type: 'reports', tenant } };
    if (i % 4 === 1) return { user, action: 'edit', resource: { type: 'reports', tenant } };
    const holder = { key: i % 4 === 2 ? `keeper-${nth % 100}` : user.key };
    return { user: holder, action: 'view', resource: { type: 'reports', key: `r${nth}`, tenant: 'none' } };
  });
}

/** Fills an emulator through the bulk operations of its REST API. */
export async function load(url: string, { users, tenants, tuples }: Size): Promise<void> {
  const agent = new Agent({ connections: 2 });
  const scope = '/v2/facts/default/dev';
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await request(`${url}${scope}${path}`, {
      dispatcher: agent,
      method: 'POST',
      headers: { authorization: 'Bearer permit_key_environment', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`);
  };
  const inParts = async <Item>(
    count: number,
    size: number,
    make: (i: number) => Item,
    send: (items: Item[]) => Promise<void>,
  ) => {
    for (let from = 0; from < count; from += size) {
      await send(Array.from({ length: Math.min(size, count - from) }, (_, i) => make(from + i)));
    }
  };

  const keepers = Array.from({ length: 100 }, (_, i) => ({ key: `keeper-${i}` }));
  const tenantKeys = Array.from({ length: tenants }, (_, i) => `tenant-${i}`);
  await post('/bulk/tenants', { operations: tenantKeys.map((key) => ({ key, name: key })) });
  await post('/bulk/users', { operations: keepers });
  await inParts(
    users,
    3000,
    (i) => ({ key: `user-${i}` }),
    (operations) => post('/bulk/users', { operations }),
  );
  await inParts(
    users * tenants,
    2000,
    (i) => ({ user: `user-${Math.floor(i / tenants)}`, role: 'viewer', tenant: `tenant-${i % tenants}` }),
    (items) => post('/role_assignments/bulk', items),
  );
  await inParts(
    tuples,
    1000,
    (i) => ({ subject: `folders:f${i}`, relation: 'parent', object: `reports:r${i}`, tenant: 'tenant-0' }),
    (operations) => post('/relationship_tuples/bulk', { operations }),
  );
  await inParts(
    tuples,
    2000,
    (i) => ({ user: `keeper-${i % 100}`, role: 'keeper', resource_instance: `folders:f${i}` }),
    (items) => post('/role_assignments/bulk', items),
  );
  await agent.close();
}

import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
});
afterEach(() => permit.close());

const SETS = 'schema/condition_sets';
const conditions = { 'user.department': { equals: 'finance' } };
const make = (key: string, parent?: string) =>
  permit.call('POST', SETS, { key, name: key, conditions, ...(parent ? { parent_id: parent } : {}) });
const inFinance = () =>
  permit.allowed({ key: 'anyone', attributes: { department: 'finance' } }, 'delete', {
    type: 'reports',
    tenant: 'default',
    attributes: { private: false },
  });

it('a set whose parent went decides on its own', async () => {
  await make('above');
  await make('below', 'above');
  const rule = { user_set: 'below', permission: 'reports:delete', resource_set: 'open_reports' };
  await permit.call('POST', 'facts/set_rules', rule);
  expect(await inFinance()).toBe(true);

  expect((await permit.call('DELETE', `${SETS}/above`)).status).toBe(204);
  expect((await permit.call('GET', `${SETS}/below`)).body.parent_id).toBe(null);
  expect(await inFinance()).toBe(true);

  // The same key later is another set: it is nobody's parent.
  await permit.call('POST', SETS, {
    key: 'above',
    name: 'Above',
    conditions: { 'user.department': { equals: 'law' } },
  });
  expect((await permit.call('GET', `${SETS}/below`)).body.parent_id).toBe(null);
  expect(await inFinance()).toBe(true);
});

it('no order of calls makes a set its own ancestor', async () => {
  await make('a');
  await make('b', 'a');
  const circle = await permit.call('PATCH', `${SETS}/a`, { parent_id: 'b' });
  expect(circle).toMatchObject({ status: 400, body: { error_code: 'INVALID_INPUT' } });
  await permit.call('DELETE', `${SETS}/a`);
  expect((await make('a', 'b')).status).toBe(200);

  const keysOf = async (path: string) =>
    (await permit.call('GET', `${SETS}/${path}`)).body.map(({ key }: { key: string }) => key);
  expect(await keysOf('a/ancestors')).toEqual(['b']);
  expect(await keysOf('b/ancestors')).toEqual([]);
  expect(await keysOf('b/descendants')).toEqual(['a']);
});

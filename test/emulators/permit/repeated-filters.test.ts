import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createSchema } from '../../../src/emulators/permit/engine/schema.ts';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeAll(async () => {
  permit = await openPermitCaller();
});
afterAll(() => permit.close());

it('lists an assignment once, however often and by whatever its user is named', async () => {
  const { id } = (await permit.call('GET', 'facts/users/carol0000000')).body;
  const once = await permit.call('GET', 'facts/role_assignments?user=carol0000000');
  expect(once.body).toHaveLength(2);
  const search = `user=carol0000000&user=${id}&user=carol0000000`;
  expect((await permit.call('GET', `facts/role_assignments?${search}`)).body).toEqual(once.body);
  const both = await permit.call('GET', 'facts/role_assignments?user=carol0000000&user=erin00000000');
  expect(both.body.length).toBeGreaterThan(2);
});

it('a question about an unknown type leaves nothing behind', () => {
  const schema = createSchema();
  // One shared empty map: none was made for the question.
  expect(schema.rolesIn('unknown')).toBe(schema.rolesIn('other'));
  expect(schema.rolesIn('unknown').size).toBe(0);
});

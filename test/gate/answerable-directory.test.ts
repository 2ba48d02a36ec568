import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { answerableDirectory } from '../../src/gate/answerable-directory.ts';
import type { ProblemError } from '../../src/index.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import type { Directory } from '../../src/sync/ports.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';

let facts: Facts;
let directory: Directory;
beforeAll(async () => {
  facts = await startFacts();
  directory = answerableDirectory(
    createDirectory({ apiKey: 'permit_key_environment', apiUrl: facts.url, clock: systemClock }),
  );
});
afterAll(() => facts.close());
afterEach(() => facts.reset());

it.each([
  ['nobody or nothing of that name', 404, { error_code: 'NOT_FOUND' }, 403],
  ['an object of another tenant', 400, { error_code: 'MISMATCH_RESOURCE_INSTANCES_TENANTS' }, 403],
  ['a question that makes no sense', 400, { error_code: 'INVALID_INPUT' }, 503],
  ['a field that is not valid', 422, { detail: [{ loc: ['body', 'role'], msg: 'no' }] }, 503],
  ['our own key', 401, { error_code: 'UNAUTHORIZED' }, 503],
  ['a server of somebody else', 404, {}, 503],
])('what Permit says of %s (%i) is answered as what it is', async (_what, status, body, expected) => {
  facts.setFault(({ method }) => (method === 'POST' ? { status, body } : undefined));
  const grant = { user: 'ann', role: 'viewer', tenant: 'default' };
  const error = await directory.assign(grant).catch((thrown: ProblemError) => thrown);
  expect(error).toMatchObject({ status: expected });
});

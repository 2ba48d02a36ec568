import { createHash } from 'node:crypto';
import type { Queryable } from '../database/database.ts';
import { Conflict, InvalidInput } from '../errors.ts';

/**
 * A request that its sender may repeat: who sent it, the key of its `Idempotency-Key` header, and what it asks.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export type Once = { principal: string; key: string; request: unknown };

const KEY = /^[\x21-\x7e]{1,128}$/;

/**
 * Reads the header. One principal's keys never meet another's.
 *
 * @returns `undefined` when the header is absent.
 * @throws InvalidInput when it is not 1 to 128 visible ASCII characters.
 *
 * @example
 * const once = onceOf(req.get('Idempotency-Key'), principal.key, { method: req.method, path: req.path, body: req.body });
 */
export function onceOf(header: string | undefined, principal: string, request: unknown): Once | undefined {
  if (header === undefined) return undefined;
  if (!KEY.test(header)) {
    throw new InvalidInput([
      { path: 'Idempotency-Key', message: 'must be 1 to 128 visible ASCII characters' },
    ]);
  }
  return { principal, key: header, request };
}

/** Key order does not make another request. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, canonical(member)]);
}

const hashOf = (request: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(canonical(request)) ?? '')
    .digest('hex');

/**
 * Claims the key for `errandId` inside `tx`; a second request with it waits here until the first has committed.
 *
 * @returns `undefined` when the key is ours now, else the errand that has it.
 * @throws Conflict when that errand was another request.
 */
export async function claimKey(tx: Queryable, once: Once, errandId: string): Promise<string | undefined> {
  const hash = hashOf(once.request);
  for (;;) {
    const claimed = await tx.query(
      'INSERT INTO elp.idempotency (principal, key, request_hash, errand_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [once.principal, once.key, hash, errandId],
    );
    if (claimed.rowCount === 1) return undefined;
    const { rows } = await tx.query<{ request_hash: string; errand_id: string }>(
      'SELECT request_hash, errand_id FROM elp.idempotency WHERE principal = $1 AND key = $2',
      [once.principal, once.key],
    );
    const first = rows[0];
    // Given back between the two statements, because its errand was undone: it is claimed anew.
    if (!first) continue;
    if (first.request_hash !== hash) {
      throw new Conflict('an idempotency key was used for two requests', {
        detail: 'This Idempotency-Key was used before for another request.',
      });
    }
    return first.errand_id;
  }
}

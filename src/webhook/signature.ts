import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ConfigurationError } from '../errors.ts';

const HEADER = 'logto-signature-sha-256';
const DIGEST = /^[0-9a-f]{64}$/i;

/**
 * The digest that the sender claims. Node joins repeated headers ("a, b"), so they are counted as they came.
 *
 * @returns `undefined` when there is none, more than one, or it is not 64 hexadecimal digits.
 */
export function claimedSignatureOf(req: IncomingMessage): Buffer | undefined {
  const { rawHeaders } = req;
  const values = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === HEADER);
  const [value] = values;
  if (values.length !== 1 || value === undefined || !DIGEST.test(value)) return undefined;
  return Buffer.from(value, 'hex');
}

/**
 * Verifies Logto's webhook signature: HMAC-SHA256 over the raw body, in hexadecimal, with any of `keys`, so that
 * a key can be changed without losing a delivery (Logto itself has no overlap).
 *
 * @throws ConfigurationError when there is no key, or one is empty: an empty key would verify what anybody signs.
 * @returns whether one of the keys made `claimed` of `body`; every key is tried, whichever fits.
 *
 * @see https://docs.logto.io/developers/webhooks/secure-webhooks
 */
export function createSignatureCheck(keys: readonly string[]): (body: Buffer, claimed: Buffer) => boolean {
  if (keys.length === 0 || keys.some((key) => key.trim() === '')) {
    throw new ConfigurationError([
      'LOGTO_WEBHOOK_SIGNING_KEYS: needs at least one signing key and none may be empty, e.g. the one that the Logto Console shows for the webhook',
    ]);
  }
  return function verifySignature(body, claimed) {
    let matches = false;
    for (const key of keys) {
      const expected = createHmac('sha256', key).update(body).digest();
      if (expected.length === claimed.length && timingSafeEqual(expected, claimed)) matches = true;
    }
    return matches;
  };
}

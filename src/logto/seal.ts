import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

const keyOf = (secret: string, purpose: string) =>
  new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32));

/**
 * Encrypts and authenticates a JSON value (JWE, AES-256-GCM) under a key derived from `secret`.
 *
 * @param purpose keeps two uses of one secret apart: what was sealed for one opens for no other.
 */
export async function seal(value: unknown, secret: string, purpose: string): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(keyOf(secret, purpose));
}

/** The value that was sealed, or `undefined` when none of the secrets opens it. */
export async function unseal(sealed: string, secrets: readonly string[], purpose: string): Promise<unknown> {
  for (const secret of secrets) {
    try {
      const { plaintext } = await compactDecrypt(sealed, keyOf(secret, purpose), {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return JSON.parse(new TextDecoder().decode(plaintext));
    } catch {
      // Forged, truncated, or sealed with another secret of the list.
    }
  }
  return undefined;
}

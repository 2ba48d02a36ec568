import { createHash, randomBytes, randomInt } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** As Logto makes them: 12 characters for users and organizations, 21 for everything else. */
export function newId(length: 12 | 21): string {
  let id = '';
  for (let n = 0; n < length; n += 1) id += ALPHABET[randomInt(ALPHABET.length)];
  return id;
}

/** The same name gives the same id from start to start; readable where the name allows it. */
export function stableId(name: string, length: 12 | 21): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const readable = plain.padEnd(length, '0');
  if (readable.length === length && plain === name.toLowerCase().replace(/[ -]/g, '')) return readable;
  const tail = BigInt(`0x${createHash('sha256').update(name).digest('hex')}`)
    .toString(36)
    .slice(0, 6);
  return plain.slice(0, length - 6).padEnd(length - 6, '0') + tail;
}

/** URL-safe random text of exactly `length` characters. */
export function newSecret(length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length);
}

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

// Cheap on purpose: the passwords here are printed on a banner, and suites create users by the hundred.
const COST = { N: 256, r: 8, p: 1 };

export function hashPassword(password: string): string {
  const salt = randomBytes(12);
  return `${salt.toString('base64url')}.${scryptSync(password, salt, 32, COST).toString('base64url')}`;
}

export function verifyPassword(password: string, hash: string | null): boolean {
  if (hash === null) return false;
  const [salt = '', expected = ''] = hash.split('.');
  const actual = scryptSync(password, Buffer.from(salt, 'base64url'), 32, COST);
  return timingSafeEqual(actual, Buffer.from(expected, 'base64url'));
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { returnPathOf } from '../../src/logto/return-path.ts';
import { seal, unseal } from '../../src/logto/seal.ts';

const BASE = 'https://app.example';
const RUNS = Number(process.env.PROPERTY_RUNS ?? 2_000);

/** Texts made of what open redirects are made of. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '//',
        '\\',
        '.',
        '..',
        '/.',
        '@',
        ':',
        'https:',
        'javascript:',
        'evil.example',
        '%2f',
        '%5c',
      ),
      fc.constantFrom('\t', '\r', '\n', '\0', ' ', '?', '#', ';', '&', '\u2028', '\uff0f', '%0d%0a'),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('returnTo, whatever it is', () => {
  it('never leaves the origin, and never holds what ends a header', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          hostile,
          hostile.map((text) => `/${text}`),
        ),
        (value) => {
          const path = returnPathOf(value, BASE);
          expect(path).toMatch(/^\/(?!\/)[\x21-\x7e]*$/);
          expect(path).not.toContain('\\');
          // As an absolute address, as it is sent, and as a reference, as somebody may use it.
          expect(new URL(`${BASE}${path}`).origin).toBe(BASE);
          expect(new URL(path, BASE).origin).toBe(BASE);
          expect(returnPathOf(path, BASE)).toBe(path);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('is kept when it is a path like any other', () => {
    const segment = fc.stringMatching(/^[\w~-]{1,10}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const path = `/reports/${segments.join('/')}?page=${segments.length}`;
        expect(returnPathOf(path, BASE)).toBe(path);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is sealed', () => {
  it('opens with a secret of the list, for its purpose, and unchanged only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.nat(), async (value, at) => {
        const plain = JSON.parse(JSON.stringify(value));
        const sealed = await seal(plain, 'new secret', 'one purpose');
        expect(await unseal(sealed, ['other', 'new secret'], 'one purpose')).toEqual(plain);
        expect(await unseal(sealed, ['other'], 'one purpose')).toBeUndefined();
        expect(await unseal(sealed, ['new secret'], 'another')).toBeUndefined();
        const index = at % sealed.length;
        const changed = `${sealed.slice(0, index)}${sealed[index] === 'A' ? 'B' : 'A'}${sealed.slice(index + 1)}`;
        const opened = await unseal(changed, ['new secret'], 'one purpose');
        // The last letter of a base64url part holds bits that mean nothing.
        expect(opened === undefined || JSON.stringify(opened) === JSON.stringify(plain)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

import { base64url, HASHES, signatureOf } from '../auth-keys.ts';
import { bearer, family, type Kit, refused, type Vector } from './kit.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** How credentials may be sent: in one Authorization header, and nowhere else. */
export function credentialVectors(kit: Kit): Vector[] {
  const good = kit.token();
  const one = (title: string, headers: string[], statuses: number[], rest: Partial<Vector> = {}) => ({
    title,
    verdict: 'refuse' as const,
    headers,
    statuses,
    ...rest,
  });
  const form = ['Content-Type: application/x-www-form-urlencoded'];
  return family('credentials', [
    one('none', [], [401]),
    one('an empty header', ['Authorization:'], [401]),
    one('Basic', [`Authorization: Basic ${base64url(`alice:${good}`)}`], [401]),
    one('DPoP', [`Authorization: DPoP ${good}`], [401]),
    one('Token', [`Authorization: Token ${good}`], [401]),
    one('the token without a scheme', [`Authorization: ${good}`], [401]),
    one('Bearer with nothing', ['Authorization: Bearer'], [400]),
    one('Bearer with blanks', ['Authorization: Bearer    '], [400]),
    one('the token glued to the scheme', [`Authorization: Bearer${good}`], [400]),
    one('something glued to the scheme', [`Authorization: BearerX${good}`], [400]),
    one('a tab for the space', [`Authorization: Bearer\t${good}`], [400]),
    one('a colon behind the scheme', [`Authorization: Bearer: ${good}`], [400]),
    one('a list behind the scheme', [`Authorization: Bearer ${good}, Bearer ${good}`], [400]),
    one('good then bad header', [...bearer(good), ...bearer('bad')], [400]),
    one('bad then good header', [...bearer('bad'), ...bearer(good)], [400]),
    one('the good header twice, in two spellings', [...bearer(good), `aUTHORIZATION: Bearer ${good}`], [400]),
    one('in the query', [], [401], { query: `?access_token=${good}` }),
    one('in a form', form, [401], { method: 'POST', body: `access_token=${good}` }),
    one('in a cookie', [`Cookie: access_token=${good}; token=${good}; Authorization=Bearer ${good}`], [401]),
    one(
      'in headers of proxies',
      [
        'X-Authorization',
        'X-Access-Token',
        'X-Forwarded-Authorization',
        'Proxy-Authorization',
        'X-Original-Authorization',
      ].map((name) => `${name}: Bearer ${good}`),
      [401],
    ),
  ]);
}

/** What a compact JWS looks like, byte by byte. */
export function structureVectors(kit: Kit): Vector[] {
  const { token, claims, header } = kit;
  const good = token();
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const invalidUtf8 = (members: Record<string, unknown>) =>
    Buffer.concat([
      Buffer.from(`${JSON.stringify(members).slice(0, -1)},"note":"`),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
  const jwe = [
    base64url({ alg: 'ECDH-ES', enc: 'A256GCM', kid: kit.main.kid, typ: 'at+jwt' }),
    '',
    'aXY',
    'Y2lwaGVy',
    'dGFn',
  ].join('.');
  const json = JSON.stringify({ protected: head, payload, signature });
  return family('structure', [
    refused('opaque', 'V2hhdCBhIG5pY2Ugb3BhcXVlIHRva2VuIHRoaXMgaXM'),
    refused('a personal access token', 'pat_8fZ0bnXq3u7cTq2Vd1Yw9KsLmPo4Re'),
    refused('a subject token', 'sub_8fZ0bnXq3u7cTq2Vd1Yw9KsLmPo4Re'),
    refused('two segments', `${head}.${payload}`),
    refused('four segments', `${good}.${signature}`),
    refused('an empty payload', `${head}..${signature}`),
    refused('a header that is a list', token({ header: '[]' })),
    refused('a header that is a string', token({ header: '"at+jwt"' })),
    refused('a header that is no JSON', token({ header: '{"alg":' })),
    refused('a payload that is a list', token({ payload: `[${JSON.stringify(claims())}]` })),
    refused('a payload that is null', token({ payload: 'null' })),
    refused('a payload that is no JSON', token({ payload: 'alice' })),
    refused('a payload that is not UTF-8', token({ payload: invalidUtf8(claims()) })),
    refused('a header that is not UTF-8', token({ header: invalidUtf8(header()) })),
    refused('percent-encoded dots', good.replaceAll('.', '%2E')),
    {
      title: 'latin1 in the token',
      verdict: 'refuse',
      headers: [`Authorization: Bearer ${good}\u00e9`],
      statuses: [400, 401],
    },
    {
      title: 'headers of 17 KB',
      verdict: 'refuse',
      headers: bearer(`${head}.${'A'.repeat(17_000)}.${signature}`),
      statuses: [431],
    },
    refused('15 KB of nothing', `${head}.${'A'.repeat(14_000)}.${signature}`),
    refused('a JWE for our key', jwe),
    refused('a JWT within a JWT', token({ header: header({ cty: 'JWT' }), payload: JSON.stringify(good) })),
    { title: 'the JSON form', verdict: 'refuse', headers: bearer(json), statuses: [400, 401] },
    refused('a padded header, signed so', lenient(kit, 'header', '==')),
    refused('a padded payload, signed so', lenient(kit, 'payload', '==')),
    refused('a padded signature', `${good}${'='.repeat((4 - (signature.length % 4)) % 4 || 1)}`),
    refused('a bit to spare in the header, signed so', lenient(kit, 'header', 'bit')),
    refused('a bit to spare in the payload, signed so', lenient(kit, 'payload', 'bit')),
    refused('the plain base64 alphabet', foreignAlphabet(kit)),
    refused(
      'a foreign character in the signature',
      `${head}.${payload}.${signature.slice(0, 10)}!${signature.slice(10)}`,
    ),
    refused('a bit to spare in the last character', spareBit(good)),
  ]);
}

/**
 * A good token whose header or payload is written as lenient decoders take it: padded, or with a bit set that
 * decodes to nothing. The signature is over what is written, so nothing but the grammar stands against it.
 */
function lenient(kit: Kit, part: 'header' | 'payload', how: '==' | 'bit'): string {
  const segments = { header: kit.header(), payload: kit.claims() };
  const written = Object.entries(segments).map(([name, value]) => {
    let text = JSON.stringify(value);
    while (Buffer.byteLength(text) % 3 !== 1) text += ' ';
    const segment = base64url(text);
    if (name !== part) return segment;
    return how === '==' ? `${segment}==` : withSpareBit(segment);
  });
  const input = written.join('.');
  return `${input}.${signatureOf(kit.main.privateKey, HASHES[kit.alg], input).toString('base64url')}`;
}

function withSpareBit(segment: string): string {
  const last = ALPHABET.indexOf(segment.at(-1) as string);
  return `${segment.slice(0, -1)}${ALPHABET[last ^ 1]}`;
}

/** A signature that holds `-` or `_`, written with `+` and `/`, as lenient decoders take it. */
function foreignAlphabet(kit: Kit): string {
  for (;;) {
    const [head, payload, signature] = kit.token().split('.') as [string, string, string];
    if (/[-_]/.test(signature)) {
      return `${head}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}`;
    }
  }
}

/**
 * Changes a bit that decodes to nothing. Only a segment whose length is no multiple of four has one; an ES384
 * signature does not, so there a character too many stands for it.
 */
function spareBit(token: string): string {
  const signature = token.split('.')[2] ?? '';
  if (signature.length % 4 === 0) return `${token}A`;
  return withSpareBit(token);
}

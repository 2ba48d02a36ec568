import { createHash } from 'node:crypto';
import { HASHES, signatureOf } from '../auth-keys.ts';
import { orderOf } from './ecdsa.ts';
import { accepted, bearer, either, family, type Kit, rawMember, type Vector, without } from './kit.ts';

/** What must pass: the twins of every refusal. */
export function controlVectors(kit: Kit): Vector[] {
  const { token, claims, header, audience, nowSeconds } = kit;
  const payload = (overrides: Record<string, unknown>) => token({ payload: claims(overrides) });
  return family('control', [
    accepted('a token as Logto issues it', token()),
    accepted('aud as a list of one', payload({ aud: [audience] })),
    accepted('aud as a list with others behind', payload({ aud: [audience, 'https://other.example'] })),
    accepted('aud as a list with others in front', payload({ aud: ['https://other.example', audience] })),
    { title: 'scheme in lower case', verdict: 'accept', headers: [`Authorization: bearer ${token()}`] },
    { title: 'scheme in upper case', verdict: 'accept', headers: [`Authorization: BEARER ${token()}`] },
    { title: 'header name in lower case', verdict: 'accept', headers: [`authorization: BeArEr ${token()}`] },
    accepted('exp behind within the tolerance', payload({ exp: nowSeconds - 4 })),
    accepted('nbf ahead within the tolerance', payload({ nbf: nowSeconds + 5 })),
    accepted('iat ahead within the tolerance', payload({ iat: nowSeconds + 5 })),
    accepted(
      'signed by the rotated key',
      token({ header: header({ kid: kit.rotated.kid }), key: kit.rotated }),
    ),
    accepted('typ application/at+jwt', token({ header: header({ typ: 'application/at+jwt' }) })),
    accepted('fractional exp', payload({ exp: nowSeconds + 60.5 })),
    accepted('Unicode in a claim', payload({ name: 'Zoë 👩‍💻 ‮' })),
    accepted('a token of 5 KB', payload({ permissions: 'x'.repeat(3_500) })),
    accepted(
      'a claim named __proto__',
      token({ payload: rawMember(claims({ zz: 1 }), 'zz', '1,"__proto__":{"sub":"root"}') }),
    ),
    accepted('no scope at all', payload(without('scope'))),
    accepted('a machine: sub is client_id', payload({ sub: 'webapp' })),
  ]);
}

/** May pass or be refused; must not crash, hang or be a 5xx. */
export function eitherVectors(kit: Kit): Vector[] {
  const { token, claims, header, main, canary } = kit;
  return family('either', [
    either('no kid', token({ header: header(without('kid')) })),
    either('the other s of the same signature', token({ sign: (input) => malleated(kit, input) })),
    {
      title: 'two spaces behind the scheme',
      verdict: 'either',
      headers: [`Authorization: Bearer  ${token()}`],
    },
    either(
      'a member twice in the payload',
      token({ payload: rawMember(claims({ zz: 1 }), 'zz', `1,"sub":"bob000000001"`) }),
    ),
    either(
      'a member twice in the header',
      token({ header: rawMember(header({ zz: 1 }), 'zz', `1,"typ":"at+jwt"`) }),
    ),
    either('jku on a good token', token({ header: header({ jku: `${canary}/jwks` }) })),
    either('x5u on a good token', token({ header: header({ x5u: `${canary}/cert` }) })),
    either('b64 false without crit', token({ header: header({ b64: false }) })),
    either(
      'bound to a DPoP key, sent as bearer',
      token({ payload: claims({ cnf: { jkt: digestOf('jkt') } }) }),
    ),
    either('exp in milliseconds', token({ payload: claims({ exp: (kit.nowSeconds + 60) * 1_000 }) })),
    {
      title: 'in header and query',
      verdict: 'either',
      headers: bearer(token()),
      query: `?access_token=${token()}`,
    },
    either(
      'JSON of 2,500 levels',
      token({ payload: rawMember(claims({ deep: 1 }), 'deep', '['.repeat(2_500) + ']'.repeat(2_500)) }),
    ),
    either(
      'its own public key as jwk',
      token({ header: header({ jwk: main.publicKey.export({ format: 'jwk' }) }) }),
    ),
  ]);
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url');

function malleated({ main, alg }: Kit, input: string): Buffer {
  const signature = signatureOf(main.privateKey, HASHES[alg], input);
  if (alg === 'RS256') return signature;
  const half = signature.length / 2;
  const s = BigInt(`0x${signature.subarray(half).toString('hex')}`);
  const other = (orderOf(alg) - s).toString(16).padStart(half * 2, '0');
  return Buffer.concat([signature.subarray(0, half), Buffer.from(other, 'hex')]);
}

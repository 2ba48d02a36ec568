import { createHmac } from 'node:crypto';
import { ALGORITHMS, type Algorithm, HASHES, signatureOf } from '../auth-keys.ts';
import { family, type Kit, refused, type Vector, without } from './kit.ts';

/** The token names the algorithm; we do not believe it. */
export function algorithmVectors(kit: Kit): Vector[] {
  const { token, header, main, alg } = kit;
  const labelled = (label: unknown, sign?: (input: string) => Buffer | string) =>
    token({ header: header({ alg: label }), ...(sign ? { sign } : {}) });
  const others = ALGORITHMS.filter((other) => other !== alg);
  const otherHash = HASHES[alg] === 'sha256' ? 'sha384' : 'sha256';
  const [first, second, third] = others as [Algorithm, Algorithm, Algorithm];

  return family('algorithm', [
    refused(
      'none, no signature',
      labelled('none', () => ''),
    ),
    refused(
      'none, a signature of one character',
      labelled('none', () => 'AA'),
    ),
    refused('none, the real signature', labelled('none')),
    refused(
      'None',
      labelled('None', () => ''),
    ),
    refused(
      'NONE',
      labelled('NONE', () => ''),
    ),
    refused('nOnE with the real signature', labelled('nOnE')),
    refused('no alg', token({ header: header(without('alg')) })),
    refused('alg null', labelled(null)),
    refused('alg in a list', labelled([alg])),
    refused('alg in an object', labelled({ alg })),
    ...hmacVectors(kit),
    ...others.map((other) =>
      refused(
        `a ${other} key of a stranger under our kid`,
        token({ header: header({ alg: other }), key: kit.strangers[other] }),
      ),
    ),
    refused(
      'Ed25519 under our kid',
      labelled('EdDSA', (input) => signatureOf(kit.ed25519, null, input)),
    ),
    refused('a stranger of the right kind under our kid', token({ key: kit.stranger })),
    refused(`the label ${first} on our signature`, labelled(first)),
    refused(`the label ${second} on our signature`, labelled(second)),
    refused(`the label ${third} on our signature`, labelled(third)),
    refused(
      `${otherHash} for the hash`,
      token({ sign: (input) => signatureOf(main.privateKey, otherHash, input) }),
    ),
    ...others.map((other) => {
      const key = kit.published[other];
      return refused(
        `the published ${other} key, rightly labelled`,
        token({ header: header({ alg: other, kid: key.kid }), key }),
      );
    }),
    refused(
      `the published ${first} key, labelled ${alg}`,
      token({ header: header({ kid: kit.published[first].kid }), key: kit.published[first] }),
    ),
    refused(
      'the published key for encryption',
      token({ header: header({ kid: kit.encryption.kid }), key: kit.encryption }),
    ),
  ]);
}

/** Everything about a public key is public: as an HMAC secret anybody can sign with it. */
function hmacVectors(kit: Kit) {
  const { main, token, header } = kit;
  const pem = main.publicKey.export({ format: 'pem', type: 'spki' }) as string;
  const jwk = main.publicKey.export({ format: 'jwk' });
  const bare = jwk.kty === 'RSA' ? [jwk.n] : [jwk.x, jwk.y];
  const secrets: [string, string, string | Buffer][] = [
    ['HS256', 'our key as PEM', pem],
    ['HS256', 'our key as PEM without the last line break', pem.trim()],
    ['HS256', 'our key as DER', main.publicKey.export({ format: 'der', type: 'spki' })],
    ['HS256', 'our key as JWK', JSON.stringify(main.jwk)],
    [
      'HS256',
      'the bare numbers of our key',
      Buffer.concat(bare.map((part) => Buffer.from(part as string, 'base64url'))),
    ],
    ['HS384', 'our key as PEM', pem],
    ['HS512', 'our key as PEM', pem],
    ['HS256', 'an empty secret', ''],
    ['HS256', 'the secret "secret"', 'secret'],
  ];
  return secrets.map(([label, title, secret]) =>
    refused(
      `${label} with ${title}`,
      token({
        header: header({ alg: label }),
        sign: (input) =>
          createHmac(`sha${label.slice(2)}`, secret)
            .update(input)
            .digest(),
      }),
    ),
  );
}

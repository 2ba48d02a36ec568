import { constants, sign } from 'node:crypto';
import { base64url, HASHES, signatureOf } from '../auth-keys.ts';
import { derOf, orderOf, pairOf, widthOf } from './ecdsa.ts';
import { family, type Kit, refused, type Vector } from './kit.ts';

/** Signatures that a careless library takes, or that belong to something else. */
export function signatureVectors(kit: Kit): Vector[] {
  const { token, claims, header, main, alg } = kit;
  const real = (input: string) => signatureOf(main.privateKey, HASHES[alg], input);
  const [head, payload, signature] = token().split('.') as [string, string, string];
  const flipped = (input: string) => {
    const bytes = Buffer.from(real(input));
    bytes[7] = (bytes[7] as number) ^ 1;
    return bytes;
  };
  return family('signature', [
    refused('empty', `${head}.${payload}.`),
    ...(alg === 'RS256' ? rsaVectors(kit) : ecdsaVectors(kit)),
    refused('all bits set', token({ sign: (input) => Buffer.alloc(real(input).length, 0xff) })),
    refused('one byte short', token({ sign: (input) => real(input).subarray(0, -1) })),
    refused('one byte long', token({ sign: (input) => Buffer.concat([real(input), Buffer.from([0])]) })),
    refused(
      'a zero byte in front',
      token({ sign: (input) => Buffer.concat([Buffer.from([0]), real(input)]) }),
    ),
    refused('half of it', token({ sign: (input) => real(input).subarray(0, real(input).length / 2) })),
    refused('one bit flipped', token({ sign: flipped })),
    refused(
      'the signature of another payload',
      `${head}.${base64url(claims({ sub: 'root00000001' }))}.${signature}`,
    ),
    refused(
      'the signature of another header',
      `${base64url(header({ kid: kit.rotated.kid }))}.${payload}.${signature}`,
    ),
  ]);
}

function ecdsaVectors({ alg, token, main }: Kit) {
  if (alg === 'RS256') return [];
  const n = orderOf(alg);
  const pair = (title: string, r: bigint, s: bigint) =>
    refused(title, token({ sign: () => pairOf(alg, r, s) }));
  const half = (input: string) =>
    BigInt(`0x${signatureOf(main.privateKey, HASHES[alg], input).subarray(0, widthOf(alg)).toString('hex')}`);
  return [
    pair('r and s zero', 0n, 0n),
    refused('r real, s zero', token({ sign: (input) => pairOf(alg, half(input), 0n) })),
    refused('r zero, s real', token({ sign: (input) => pairOf(alg, 0n, half(input)) })),
    pair('r and s the order of the curve', n, n),
    pair('r the order, s one', n, 1n),
    pair('r one, s the order', 1n, n),
    pair('r and s one', 1n, 1n),
    refused('in DER', token({ sign: (input) => derOf(signatureOf(main.privateKey, HASHES[alg], input)) })),
  ];
}

function rsaVectors({ alg, token, main }: Kit) {
  const modulus = Buffer.from(main.publicKey.export({ format: 'jwk' }).n as string, 'base64url');
  const before = Buffer.from(modulus);
  before[before.length - 1] = (before.at(-1) as number) - 1;
  const one = Buffer.alloc(modulus.length);
  one[one.length - 1] = 1;
  const pss = (input: string) =>
    sign('sha256', Buffer.from(input), { key: main.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING });
  return [
    refused('zero', token({ sign: () => Buffer.alloc(modulus.length) })),
    refused('one', token({ sign: () => one })),
    refused('the modulus', token({ sign: () => modulus })),
    refused('the modulus less one', token({ sign: () => before })),
    refused('PSS padding', token({ sign: pss })),
    refused('SHA-1', token({ sign: (input) => signatureOf(main.privateKey, 'sha1', input) })),
    refused('SHA-512', token({ sign: (input) => signatureOf(main.privateKey, 'sha512', input) })),
    refused(
      'within ASN.1',
      token({ sign: (input) => derOf(signatureOf(main.privateKey, HASHES[alg], input)) }),
    ),
  ];
}

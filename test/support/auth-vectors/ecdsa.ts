import type { Algorithm } from '../auth-keys.ts';

/** Order n of the curve, SEC 2. */
const ORDERS: Record<Exclude<Algorithm, 'RS256'>, bigint> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

/** Bytes of r, of s. */
const WIDTHS = { ES256: 32, ES384: 48, ES512: 66 } as const;

export function orderOf(alg: Exclude<Algorithm, 'RS256'>): bigint {
  return ORDERS[alg];
}

export function widthOf(alg: Exclude<Algorithm, 'RS256'>): number {
  return WIDTHS[alg];
}

export function pairOf(alg: Exclude<Algorithm, 'RS256'>, r: bigint, s: bigint): Buffer {
  const wide = (value: bigint) => Buffer.from(value.toString(16).padStart(widthOf(alg) * 2, '0'), 'hex');
  return Buffer.concat([wide(r), wide(s)]);
}

/** ASN.1 `SEQUENCE { INTEGER r, INTEGER s }` of a bare pair. */
export function derOf(pair: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    let at = 0;
    while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
    const trimmed = bytes.subarray(at);
    const body = (trimmed[0] as number) >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const half = pair.length / 2;
  const content = Buffer.concat([integer(pair.subarray(0, half)), integer(pair.subarray(half))]);
  const length = content.length < 128 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([0x30, ...length]), content]);
}

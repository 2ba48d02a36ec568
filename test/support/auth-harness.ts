import { createVerifier, type Verifier, type VerifierOptions } from '../../src/auth/verifier.ts';
import { manualClock, type ProbeApp, silentLog, startProbeApp } from './auth-app.ts';
import { startTestIssuer, type TestIssuer } from './auth-issuer.ts';
import { base64url, createSigningKey, HASHES, type SigningKey, signatureOf } from './auth-keys.ts';
import { type RawAnswer, sendRaw } from './http-raw.ts';

export const AUDIENCE = 'http://localhost:3000/api';

const shared = { current: createSigningKey('ES384'), next: createSigningKey('ES384') };

export type AuthHarness = {
  issuer: TestIssuer;
  clock: ReturnType<typeof manualClock>;
  verifier: Verifier;
  app: ProbeApp;
  key: SigningKey;
  nextKey: SigningKey;
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>, key?: SigningKey): string;
  /** Asks the protected route over a socket. */
  ask(token: string, probe?: string): Promise<RawAnswer>;
  close(): Promise<void>;
};

/** An issuer, a verifier and a server with one protected route, on a clock that tests move. */
export async function startAuthHarness(options: Partial<VerifierOptions> = {}): Promise<AuthHarness> {
  const issuer = await startTestIssuer([shared.current]);
  const clock = manualClock();
  const verifier = createVerifier({
    issuers: [issuer.issuer],
    audiences: [AUDIENCE],
    defaultTenant: 'default',
    tokenCacheTtlMs: 0,
    clock,
    log: silentLog,
    ...options,
  });
  const app = await startProbeApp(verifier);
  let count = 0;
  return {
    issuer,
    clock,
    verifier,
    app,
    key: shared.current,
    nextKey: shared.next,
    token(claims = {}, header = {}, key = shared.current) {
      count += 1;
      const input = [
        { alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header },
        {
          jti: String(count),
          sub: 'alice0000001',
          client_id: 'webapp',
          scope: 'read:reports',
          iss: issuer.issuer,
          aud: AUDIENCE,
          iat: clock.nowSeconds(),
          exp: clock.nowSeconds() + 3_600,
          ...claims,
        },
      ]
        .map(base64url)
        .join('.');
      return `${input}.${signatureOf(key.privateKey, HASHES[key.alg], input).toString('base64url')}`;
    },
    ask: (token, probe = 'any') =>
      sendRaw(app.port, { path: `/probe/${probe}`, headers: [`Authorization: Bearer ${token}`] }),
    async close() {
      verifier.close();
      await Promise.all([app.close(), issuer.close()]);
    },
  };
}

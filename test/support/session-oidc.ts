import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Clock } from '../../src/clock.ts';

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

export type TokenFault =
  | 'hang'
  | 'reset'
  | 'html'
  | 'text'
  | 'huge'
  | 'redirect'
  | { status: number; error?: string };

/**
 * A small OpenID provider in Logto's dialect whose every answer can be made wrong: whoever comes is signed in as
 * `user` at once. The full emulator is stricter and cannot lie; this one can.
 */
export async function startSessionOidc(options: { clock: Clock; resource: string }) {
  const { clock, resource } = options;
  const keys = new Map<string, Key>();
  const published: object[] = [];
  const codes = new Map<string, { challenge: string; nonce: string | null; user: string }>();
  const refreshTokens = new Map<string, string>();
  /** Refresh tokens that were used, and what came instead. */
  const spent = new Map<string, string>();
  const calls: { path: string; body: Record<string, string> }[] = [];
  let signingKid = '';

  const oidc = {
    issuer: '',
    url: '',
    appId: 'webapp00000000000000a',
    appSecret: 'webapp-secret',
    user: 'alice0000000',
    sid: undefined as string | undefined,
    organizations: { alice0000000: ['acme00000000'] } as Record<string, string[]>,
    ttlSeconds: 3600,
    calls,
    /** Applied to every ID token of a call-back: claims to change, another key, another header. */
    idToken: {} as { claims?: JWTPayload; key?: Key; typ?: string },
    /** What an access token differs in. */
    accessToken: {} as { claims?: JWTPayload; opaque?: boolean },
    tokenFault: undefined as TokenFault | undefined,
    /** The key set's address answers 200 with something else. */
    keySetIsBroken: false,
    discoveryFault: undefined as TokenFault | undefined,
    revocationFault: undefined as TokenFault | undefined,
    /** Runs once, while the next token request is held. */
    beforeToken: undefined as (() => Promise<unknown>) | undefined,
    rotatesRefreshTokens: false,
    /** A refresh token that is used twice ends everything that came of it, as at Logto after three seconds. */
    punishesReuse: false,
    omitRefreshToken: false,
    grants: (grant: string) => calls.filter((call) => call.body.grant_type === grant).length,
    refreshTokens,
    async rotateKey({ keepOld = true } = {}) {
      const { privateKey, publicKey } = await generateKeyPair('ES384', { extractable: true });
      signingKid = randomBytes(8).toString('hex');
      keys.set(signingKid, privateKey);
      if (!keepOld) published.length = 0;
      published.unshift({ ...(await exportJWK(publicKey)), kid: signingKid, alg: 'ES384', use: 'sig' });
    },
    async sign(claims: JWTPayload, header: { typ?: string; kid?: string; alg?: string } = {}, key?: Key) {
      const iat = Math.floor(clock.now() / 1_000);
      return new SignJWT({ iss: oidc.issuer, iat, ...claims })
        .setProtectedHeader({ alg: 'ES384', kid: signingKid, ...header })
        .sign(key ?? (keys.get(signingKid) as Key));
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const expiry = () => Math.floor(clock.now() / 1_000) + oidc.ttlSeconds;
  const idTokenOf = (sub: string, nonce: string | null) => {
    const { claims, key, typ } = oidc.idToken;
    const sid = oidc.sid === undefined ? {} : { sid: oidc.sid };
    const payload = { sub, aud: oidc.appId, exp: expiry(), ...(nonce ? { nonce } : {}), ...sid, ...claims };
    return oidc.sign(payload, typ ? { typ } : {}, key);
  };

  const app = express();
  app.use(express.urlencoded({ extended: false }));
  app.use((req, _res, next) => {
    calls.unshift({ path: req.path, body: { ...req.body } });
    next();
  });

  const failing =
    (fault: () => TokenFault | undefined): express.RequestHandler =>
    (req, res, next) => {
      const now = fault();
      if (now === undefined) return next();
      if (now === 'hang') return;
      if (now === 'reset') return void req.socket.destroy();
      if (now === 'html') return void res.type('html').send('<h1>Welcome</h1>');
      if (now === 'text') return void res.json('text');
      if (now === 'huge') return void res.json({ filler: 'x'.repeat(400_000) });
      if (now === 'redirect') return void res.redirect(307, `${oidc.url}/elsewhere`);
      const { status, error } = now;
      res
        .status(status)
        .json(error ? { error, code: `oidc.${error}`, message: error } : { note: 'no OAuth error' });
    };

  app.get(
    '/oidc/.well-known/openid-configuration',
    failing(() => oidc.discoveryFault),
    (_req, res) => {
      const at = (path: string) => `${oidc.url}/oidc${path}`;
      res.json({
        issuer: oidc.issuer,
        authorization_endpoint: at('/auth'),
        token_endpoint: at('/token'),
        jwks_uri: at('/jwks'),
        revocation_endpoint: at('/token/revocation'),
        end_session_endpoint: at('/session/end'),
        userinfo_endpoint: at('/me'),
      });
    },
  );
  app.get('/oidc/jwks', (_req, res) => void res.json(oidc.keySetIsBroken ? {} : { keys: published }));
  app.get('/oidc/auth', (req, res) => {
    const query = new URL(req.originalUrl, oidc.url).searchParams;
    const code = randomBytes(16).toString('hex');
    codes.set(code, {
      challenge: `${query.get('code_challenge')}`,
      nonce: query.get('nonce'),
      user: oidc.user,
    });
    const back = new URL(`${query.get('redirect_uri')}`);
    back.search = new URLSearchParams({ code, state: `${query.get('state')}`, iss: oidc.issuer }).toString();
    res.redirect(back.href);
  });
  app.post('/oidc/token', async (_req, _res, next) => {
    const { beforeToken } = oidc;
    oidc.beforeToken = undefined;
    await beforeToken?.();
    next();
  });
  app.post(
    '/oidc/token',
    failing(() => oidc.tokenFault),
    async (req, res) => {
      const { grant_type, code, code_verifier, refresh_token, organization_id } = req.body as Record<
        string,
        string
      >;
      const refuse = (status: number, error: string) =>
        void res.status(status).json({ error, code: `oidc.${error}`, message: error });
      const basic = Buffer.from(`${oidc.appId}:${oidc.appSecret}`).toString('base64');
      if (req.get('authorization') !== `Basic ${basic}`) return refuse(401, 'invalid_client');

      if (grant_type === 'authorization_code') {
        const held = codes.get(`${code}`);
        codes.delete(`${code}`);
        const challenge = createHash('sha256').update(`${code_verifier}`).digest('base64url');
        if (!held || held.challenge !== challenge) return refuse(400, 'invalid_grant');
        const refreshToken = randomBytes(24).toString('base64url');
        refreshTokens.set(refreshToken, held.user);
        return void res.json({
          access_token: randomBytes(32).toString('base64url'),
          id_token: await idTokenOf(held.user, held.nonce),
          ...(oidc.omitRefreshToken ? {} : { refresh_token: refreshToken }),
          scope: 'openid offline_access',
          expires_in: 3600,
          token_type: 'Bearer',
        });
      }

      if (oidc.punishesReuse)
        for (let at = spent.get(`${refresh_token}`); at !== undefined; at = spent.get(at))
          refreshTokens.delete(at);
      const user = refreshTokens.get(`${refresh_token}`);
      if (user === undefined) return refuse(400, 'invalid_grant');
      if (organization_id && !oidc.organizations[user]?.includes(organization_id))
        return refuse(403, 'access_denied');
      let answered = refresh_token;
      if (oidc.rotatesRefreshTokens) {
        answered = randomBytes(24).toString('base64url');
        refreshTokens.delete(`${refresh_token}`);
        refreshTokens.set(answered, user);
        spent.set(`${refresh_token}`, answered);
      }
      const access = {
        sub: user,
        aud: resource,
        client_id: oidc.appId,
        scope: 'read:reports',
        exp: expiry(),
        jti: randomBytes(12).toString('base64url'),
        ...(organization_id ? { organization_id } : {}),
        ...oidc.accessToken.claims,
      };
      res.json({
        access_token: oidc.accessToken.opaque
          ? randomBytes(32).toString('base64url')
          : await oidc.sign(access, { typ: 'at+jwt' }),
        id_token: await idTokenOf(user, null),
        refresh_token: answered,
        scope: 'read:reports',
        expires_in: oidc.ttlSeconds,
        token_type: 'Bearer',
      });
    },
  );
  app.post(
    '/oidc/token/revocation',
    failing(() => oidc.revocationFault),
    (req, res) => {
      refreshTokens.delete(`${req.body.token}`);
      res.status(200).end();
    },
  );
  app.get('/oidc/session/end', (req, res) => void res.redirect(`${req.query.post_logout_redirect_uri}`));

  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  oidc.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  oidc.issuer = `${oidc.url}/oidc`;
  await oidc.rotateKey();
  return oidc;
}

export type SessionOidc = Awaited<ReturnType<typeof startSessionOidc>>;

import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { pino } from 'pino';
import { createBearerAuth } from '../src/auth/bearer-auth.ts';
import { createVerifier } from '../src/auth/verifier.ts';
import { systemClock } from '../src/clock.ts';
import { childOptions, sayReady } from './child.ts';

export type Contender = 'bare' | 'ours' | 'jose' | 'peer';
export type AuthServerOptions = { contender: Contender; issuer: string; jwksUri: string; audience: string };

const { contender, issuer, jwksUri, audience } = childOptions<AuthServerOptions>();

const guards: Record<Contender, () => RequestHandler> = {
  bare: () => (_req, _res, next) => next(),

  ours() {
    const verifier = createVerifier({
      issuers: [issuer],
      jwksUri,
      audiences: [audience],
      algorithms: ['ES384'],
      defaultTenant: 'default',
      clock: systemClock,
      log: pino({ level: 'silent' }),
    });
    return createBearerAuth(verifier)();
  },

  /** As guides write it: one verification a request. */
  jose() {
    const keys = createRemoteJWKSet(new URL(jwksUri));
    return async (req, _res, next) => {
      const token = req.headers.authorization?.slice('Bearer '.length) ?? '';
      await jwtVerify(token, keys, { issuer, audience, algorithms: ['ES384'], typ: 'at+jwt' });
      next();
    };
  },

  peer: () =>
    auth({ issuer, jwksUri, audience, tokenSigningAlg: 'ES384', strict: true }) as unknown as RequestHandler,
};

const app = express();
app.disable('x-powered-by');
app.get('/', guards[contender](), (_req, res) => {
  res.json({ ok: true });
});
const server = app.listen(0, '127.0.0.1', () => {
  sayReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
});

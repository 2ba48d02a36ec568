import { Router } from 'express';
import type { Issuer } from '../issuer.ts';
import { createCors } from '../vendor-headers.ts';
import { createAuthorizationEndpoint } from './authorization-endpoint.ts';
import { discoveryDocument } from './discovery.ts';
import { createEndSession } from './end-session.ts';
import { answerOidcError } from './oidc-error.ts';
import { createTokenEndpoint } from './token-endpoint.ts';
import { createTokenInspection } from './token-inspection.ts';

/** Everything below `/oidc`. */
export function createOidcRouter(issuer: Issuer): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(createCors(issuer.directory));
  router.get('/.well-known/openid-configuration', (_req, res) => void res.json(discoveryDocument(issuer)));
  if (issuer.version === '1.42')
    router.get(
      '/.well-known/oauth-authorization-server',
      (_req, res) => void res.json(discoveryDocument(issuer)),
    );
  router.get('/jwks', (_req, res) => {
    res.set('Cache-Control', 'no-cache, max-age=0, must-revalidate');
    res.type('application/jwk-set+json').send(JSON.stringify({ keys: issuer.keys.publicJwks() }));
  });
  router.use(createAuthorizationEndpoint(issuer), createTokenEndpoint(issuer));
  router.use(createTokenInspection(issuer), createEndSession(issuer));
  router.use(answerOidcError);
  return router;
}

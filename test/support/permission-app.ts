import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { type Principal, setPrincipal } from '../../src/auth/principal.ts';
import { ProblemError } from '../../src/errors.ts';

/** A caller as the authentication room would make it. */
export function principal(sub: string, more: Partial<Principal> = {}): Principal {
  const kind = more.kind ?? 'user';
  return {
    kind,
    sub,
    key: kind === 'machine' ? `m2m|${sub}` : sub,
    clientId: kind === 'machine' ? sub : 'app',
    tenant: more.organizationId ?? 'default',
    scopes: new Set(),
    audience: 'http://localhost:3000/api',
    via: 'bearer',
    issuedAt: 0,
    expiresAt: 1,
    claims: {},
    ...more,
  };
}

/** Stands where authentication stands: `X-Test-Caller: sub` or `sub@tenant`; nobody without it. */
export function testCaller(): RequestHandler {
  return function authenticate(req, _res, next) {
    const [sub, organizationId] = (req.get('x-test-caller') ?? '').split('@');
    if (sub) setPrincipal(req, principal(sub, organizationId ? { organizationId } : {}));
    next();
  };
}

/** Answers `ProblemError`s by status and code, so that a test need not wait for the http room. */
export const answerProblems: ErrorRequestHandler = (error, _req, res, _next) => {
  if (error instanceof ProblemError) {
    res.status(error.status).set(error.headers).json({ code: error.code, errors: error.errors });
  } else {
    res.status(500).json({ code: 'internal_error', message: String(error?.message) });
  }
};

/** An app with a caller in front and problems behind. */
export function testApp(routes: (app: Express) => void): Express {
  const app = express();
  app.use(testCaller());
  routes(app);
  app.use(answerProblems);
  return app;
}

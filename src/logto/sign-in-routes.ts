import { randomBytes } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { PermissionDenied, ProblemError } from '../errors.ts';
import { runAuthRoute, type SdkConfig, type SdkItems } from './auth-routes.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { sendFailurePage } from './failure-page.ts';
import { verifyIdToken } from './id-token.ts';
import type { PendingSignIn, PendingSignIns } from './pending-sign-in.ts';
import { plainCauseOf } from './plain-cause.ts';
import { returnPathOf } from './return-path.ts';
import type { CountSessionEvent } from './session-metrics.ts';
import { SignInFailed, signInFailureOf } from './sign-in-failed.ts';
import type { TenantJwtVerifier } from './tenant-jwt.ts';

export type SignInRoutesOptions = {
  config: SdkConfig;
  issuers: readonly string[];
  discover: () => Promise<unknown>;
  pending: PendingSignIns;
  sessions: BrowserSessions;
  verifyTenantJwt: TenantJwtVerifier;
  timeoutMs: number;
  log: Logger;
  count: CountSessionEvent;
};

const isPrefetch = (req: Request) =>
  ['purpose', 'sec-purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|preview/i.test(req.get(name) ?? ''),
  );

/**
 * The two ends of a sign-in. Between them nothing is kept on the server, and a session that the browser has
 * already stays as it is until somebody has really signed in.
 */
export function createSignInRoutes(options: SignInRoutesOptions) {
  const { config, discover, pending, sessions, timeoutMs, log, count } = options;
  const { baseUrl } = config;
  const secure = baseUrl.startsWith('https:');

  /** A page for people, a problem document for everybody else. */
  function fail(error: unknown, returnTo: string, req: Request, res: Response, next: NextFunction): void {
    const problem = signInFailureOf(error);
    count('sign_in_failed');
    log.info({ code: problem.code, reason: problem.message, err: problem.cause }, 'sign-in failed');
    if (req.accepts(['json', 'html']) === 'html') sendFailurePage(res, problem, returnTo);
    else next(problem);
  }

  async function start(
    req: Request,
    returnTo: string,
  ): Promise<{ location: string; items: SdkItems; nonce: string }> {
    if (isPrefetch(req)) throw new PermissionDenied('a prefetch starts no sign-in');
    if (secure && !req.secure) {
      log.warn('sign-in over plain http: behind a proxy set TRUST_PROXY and let it send X-Forwarded-Proto');
      throw new SignInFailed('insecure');
    }
    await discover();
    const nonce = randomBytes(24).toString('base64url');
    const items: SdkItems = {};
    // `clearTokens` would only empty the items at hand, which are nobody's session.
    const signInOptions = { clearTokens: false, extraParams: { nonce } };
    const location = await runAuthRoute({ ...config, signInOptions }, req.path, items, timeoutMs);
    log.debug({ returnTo }, 'sign-in begins');
    return { location, items, nonce };
  }

  const signIn: RequestHandler = async function logtoSignIn(req, res, next) {
    const returnTo = returnPathOf(req.query.returnTo, baseUrl);
    try {
      const { location, items, nonce } = await start(req, returnTo);
      await pending.keep(req, res, { signInSession: items.signInSession as string, nonce, returnTo });
      res.redirect(location);
    } catch (error) {
      fail(error, returnTo, req, res, next);
    }
  };

  async function finish(req: Request, res: Response, path: string, begun: PendingSignIn): Promise<void> {
    const items: SdkItems = { signInSession: begun.signInSession };
    await discover();
    await runAuthRoute(config, path, items, timeoutMs);
    const idToken = items.idToken as string;
    const owner = await verifyIdToken(options.verifyTenantJwt, idToken, begun.nonce).catch(
      (error: unknown) => {
        throw error instanceof ProblemError && error.status === 503
          ? error
          : new SignInFailed('refused', { cause: plainCauseOf(error) });
      },
    );
    const { refreshToken } = items;
    await sessions.begin(req, res, owner, {
      idToken,
      ...(refreshToken === undefined ? {} : { refreshToken }),
    });
    log.info({ sub: owner.sub }, 'signed in');
    count('signed_in');
  }

  const callback: RequestHandler = async function logtoSignInCallback(req, res, next) {
    let returnTo = '/';
    try {
      // An absolute address may name another host, or be none that can be read.
      const url = URL.parse(req.originalUrl, baseUrl);
      if (!url) throw new SignInFailed('not_pending');
      const query = url.searchParams;
      const [state = '', ...more] = query.getAll('state');
      const found = more.length === 0 ? await pending.take(req, res, state) : undefined;
      if (!found) throw new SignInFailed('not_pending');
      returnTo = found.returnTo;
      const issuer = query.get('iss');
      // RFC 9207: the answer of another issuer, led here to be mixed up.
      if (issuer !== null && !options.issuers.includes(issuer)) throw new SignInFailed('refused');
      await finish(req, res, `${url.pathname}${url.search}`, found);
      res.redirect(`${baseUrl}${returnTo}`);
    } catch (error) {
      fail(error, returnTo, req, res, next);
    }
  };

  return { signIn, callback };
}

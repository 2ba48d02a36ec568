import { handleAuthRoutes } from '@logto/express';
import type { LogtoConfig, SignInOptions } from '@logto/node';
import type { Request, Response } from 'express';
import { UpstreamUnavailable } from '../errors.ts';

/**
 * What we give to `@logto/express`. Declared here, so that no declaration file of ours names that package and
 * nobody who uses our types meets its augmentation of `IncomingMessage`.
 */
export type SdkConfig = LogtoConfig & {
  baseUrl: string;
  signInOptions?: Omit<SignInOptions, 'redirectUri' | 'postRedirectUri'>;
};

/** The SDK's items, by its own names; it sets `undefined` where it removes. */
export type SdkItems = Partial<Record<'signInSession' | 'idToken' | 'refreshToken' | 'accessToken', string>>;

/**
 * Runs one route of the unmodified `@logto/express` on a session of its own and answers where it would have
 * sent the browser. The real response and the real session stay untouched until the caller decides: a route
 * that fails half-way, or answers after the deadline (the SDK sets none), has changed nothing.
 *
 * @param config as the SDK takes it; `signInOptions` differ from one sign-in to the next.
 * @param url path and query below `baseUrl`: `/logto/sign-in-callback?code=…`.
 * @param items read and written by the SDK.
 * @throws whatever the SDK throws; `UpstreamUnavailable` after `timeoutMs`.
 */
export function runAuthRoute(
  config: SdkConfig,
  url: string,
  items: SdkItems,
  timeoutMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new UpstreamUnavailable('logto', 'no answer in time')), timeoutMs);
    const settle = (done: () => void) => {
      clearTimeout(late);
      done();
    };
    const req = { method: 'GET', url, originalUrl: url, headers: {}, session: items } as unknown as Request;
    const res = {
      redirect: (location: string) => settle(() => resolve(location)),
    } as unknown as Response;
    handleAuthRoutes(config)(req, res, (error: unknown) => settle(() => reject(error)));
  });
}

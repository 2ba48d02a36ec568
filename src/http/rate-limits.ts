import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { principalOf } from '../auth/principal.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { RateLimited } from '../errors.ts';
import { addressKeyOf } from './address-key.ts';
import { createRateShare } from './rate-share.ts';
import { createRateWindow } from './rate-window.ts';

export type RateLimitsOptions = {
  /** Requests a minute and principal, else a minute and address; 0 switches the limits off. */
  perMinute: number;
  clock: Clock;
  log: Logger;
  /** Shared by the instances; left out for a single one. Needs `rateLimitMigrations`. */
  database?: Database;
  /** Requests that are never counted or refused: probes, signed webhooks. */
  exempt?: (req: Request) => boolean;
  /** Requests that are counted by address as well, but not together with the others of that address. */
  apart?: (req: Request) => boolean;
  /**
   * Key of a caller whom this process has verified before. Where the address is used up it is counted as that
   * principal, and so neither locked out by a flood from behind the same address nor free where nothing is verified.
   */
  knownCallerOf?: (req: Request) => string | undefined;
};

export type RateLimits = {
  /** Ahead of authentication: refuses an address that has used up its share of anonymous and failed requests. */
  perAddress(): RequestHandler;
  /** After authentication: counts the principal once a request, refuses when its share is used up. */
  perPrincipal(): RequestHandler;
  start(): void;
  stop(): Promise<void>;
  /** For tests: exchanges the counts with the other instances now. */
  share(): Promise<void>;
};

/**
 * Limits by who is calling, and by address only for those who are nobody: many people share an address, and a
 * person must not lose theirs to a stranger's failures.
 *
 * Counted in memory; with `database`, added up over all instances about once a second (see `createRateShare` for
 * the overshoot), never on the way of a request. The address is the socket's, unless `trust proxy` says otherwise.
 *
 * @throws (on a request) `RateLimited` with `Retry-After`.
 *
 * @example
 * const limits = createRateLimits({ perMinute: 600, clock, log, database });
 * app.use(limits.perAddress());
 * app.get('/api/me', bearerAuth(), limits.perPrincipal(), authenticatedRoute(), showMe);
 */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const {
    perMinute,
    clock,
    log,
    database,
    exempt = () => false,
    apart = () => false,
    knownCallerOf,
  } = options;
  if (perMinute <= 0) return noLimits();
  const rateWindow = createRateWindow({ points: perMinute, clock });
  const share = database && createRateShare({ database, rateWindow, log });
  const counted = new WeakSet<Request>();

  return {
    perAddress() {
      return async function addressLimit(req, res, next) {
        if (exempt(req)) return next();
        let key = `${addressKeyOf(req.ip)}${apart(req) ? ' signed' : ''}`;
        let waitSeconds = await rateWindow.waitSecondsFor(key);
        const caller = waitSeconds > 0 ? knownCallerOf?.(req) : undefined;
        if (caller !== undefined) {
          key = principalKeyOf(caller);
          waitSeconds = await rateWindow.waitSecondsFor(key);
        }
        if (waitSeconds > 0) throw new RateLimited(waitSeconds);
        res.once('close', () => {
          // An outage of ours is no failure of theirs: they are told to come again.
          // At the sign-in it may be the caller who says that Logto has failed (`?error=server_error`).
          const excused = res.statusCode === 503 && !req.path.startsWith('/logto/');
          if (!principalOf(req) && !excused) void rateWindow.take(key);
        });
        next();
      };
    },
    perPrincipal() {
      return async function principalLimit(req, _res, next) {
        const principal = principalOf(req);
        if (principal && !counted.has(req)) {
          counted.add(req);
          const waitSeconds = await rateWindow.take(principalKeyOf(principal.key));
          if (waitSeconds > 0) throw new RateLimited(waitSeconds);
        }
        next();
      };
    },
    start: () => share?.start(),
    stop: async () => share?.stop(),
    share: async () => share?.shareNow(),
  };
}

const principalKeyOf = (key: string) => `principal ${key}`;

function noLimits(): RateLimits {
  const pass = (): RequestHandler =>
    function noRateLimit(_req, _res, next) {
      next();
    };
  return { perAddress: pass, perPrincipal: pass, start() {}, async stop() {}, async share() {} };
}

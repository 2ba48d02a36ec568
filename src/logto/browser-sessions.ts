import type { IncomingMessage } from 'node:http';
import type { Request, Response } from 'express';
import expressSession from 'express-session';
import { InvalidRequest } from '../errors.ts';
import { createKnownSessions } from './known-sessions.ts';
import { privateRequest } from './private-request.ts';
import type { UnderLease } from './refresh-lease.ts';
import { type CookieShape, cookiesOf } from './session-cookie.ts';
import type { SessionRows, SessionTokens, StoredSession } from './session-rows.ts';
import { createSessionStore, type LoadedSession } from './session-store.ts';

export type BrowserSessions = ReturnType<typeof createBrowserSessions>;

/**
 * The session of a request: express-session carries the signed id to and fro, {@link SessionRows} holds what
 * belongs to it. Only `begin` makes a session, and each of `begin` and `renew` gives a new id.
 *
 * @param options.secrets the first signs, all verify.
 */
export function createBrowserSessions(options: {
  rows: SessionRows;
  underLease: UnderLease;
  secrets: readonly string[];
  cookie: CookieShape;
}) {
  const { rows, cookie, underLease } = options;
  const name = `${cookie.prefix}elp-session`;
  const store = createSessionStore(rows);
  const { httpOnly, secure, sameSite, path } = cookie.options as expressSession.CookieOptions;
  const middleware = expressSession({
    name,
    store,
    secret: [...options.secrets],
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly, secure, sameSite, path },
  });
  const attached = new WeakMap<IncomingMessage, Promise<Request>>();

  /** Once a request, however many steps ask. */
  function attach(req: Request, res: Response): Promise<Request> {
    const before = attached.get(req);
    if (before) return before;
    const own = privateRequest(req);
    const ready = new Promise<Request>((resolve, reject) => {
      middleware(own, res, (error?: unknown) => (error ? reject(error) : resolve(own)));
    });
    attached.set(req, ready);
    return ready;
  }

  const known = createKnownSessions(name);

  function carriesCookie(req: Request): boolean {
    const found = cookiesOf(req).filter(([cookie]) => cookie === name).length;
    // A browser sends two of one name when another host has planted one; which comes first is up to the planter.
    if (found > 1) throw new InvalidRequest('more than one session cookie');
    return found === 1;
  }

  /** Unless `work` has put the new id to use, the browser keeps the cookie that it has. */
  async function underNewId(
    own: Request,
    work: (id: string, before: string) => Promise<boolean>,
  ): Promise<boolean> {
    const before = own.sessionID;
    let used = false;
    store.generate(own);
    try {
      used = await work(own.sessionID, before);
    } finally {
      if (!used) Reflect.deleteProperty(own, 'session');
    }
    return used;
  }

  return {
    known,

    /**
     * The live session of the request's cookie. Without a cookie no question is asked of anything.
     *
     * @throws InvalidRequest for two session cookies.
     */
    async current(req: Request, res: Response): Promise<StoredSession | undefined> {
      if (!attached.has(req) && !carriesCookie(req)) return undefined;
      const stored = ((await attach(req, res)).session as LoadedSession | undefined)?.stored;
      if (!stored) known.learn(req, undefined);
      return stored;
    },

    /** A session that did not exist before, under an id that nobody has seen; the one of the request ends. */
    async begin(
      req: Request,
      res: Response,
      owner: { sub: string; sid: string | undefined },
      tokens: SessionTokens,
    ): Promise<void> {
      await underNewId(await attach(req, res), async (id, before) => {
        await rows.create(id, owner, tokens);
        await rows.remove(before);
        return true;
      });
    },

    /**
     * The same session under a new id, acting in `organizationId`; the old id is dead at once. Under the lease, for
     * a refresh on the way would write its tokens to an id that is gone. `false` when the session has ended.
     */
    async renew(req: Request, res: Response, organizationId: string | undefined): Promise<boolean> {
      return underNewId(await attach(req, res), (id, before) =>
        underLease(before, async () => {
          const stored = await rows.read(before);
          if (!stored) return false;
          const { organizationId: _left, ...tokens } = stored.tokens;
          return rows.rename(before, id, {
            ...tokens,
            ...(organizationId === undefined ? {} : { organizationId }),
          });
        }),
      );
    },

    /** Ends the session, also when a switch of organization gives it a new id at this very moment. */
    async signOut(req: Request, res: Response): Promise<void> {
      const { sessionID, session } = await attach(req, res);
      const { stored } = session as LoadedSession;
      if (stored && !(await rows.remove(sessionID))) await rows.removeRenamed(stored);
      await end(req, res);
    },

    /**
     * Ends a session that is over. One that was ended elsewhere leaves the cookie alone: another tab may have given
     * the session a new id meanwhile, and that cookie has the same name.
     */
    async endSpent(req: Request, res: Response): Promise<void> {
      known.learn(req, undefined);
      if (await rows.remove((await attach(req, res)).sessionID)) await end(req, res);
    },
  };

  /** For a session whose row is gone: nothing of it is saved, and the cookie is taken back. */
  async function end(req: Request, res: Response): Promise<void> {
    Reflect.deleteProperty(await attach(req, res), 'session');
    known.learn(req, undefined);
    res.clearCookie(name, cookie.options);
  }
}

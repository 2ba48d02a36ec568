import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { seal, unseal } from './seal.ts';
import { type CookieShape, cookiesOf } from './session-cookie.ts';
import { hashOf } from './session-rows.ts';

const PURPOSE = 'elp pending sign-in';
/** As long as Logto keeps a sign-in page open. */
const KEPT_MS = 60 * 60_000;
/** Tabs that may be signing in at one time; a browser's cookie header has to stay small. */
const MOST = 4;

const pendingSchema = z.object({
  /** The SDK's own item: redirect URI, code verifier, state. */
  signInSession: z.string(),
  nonce: z.string(),
  returnTo: z.string(),
  startedAtMs: z.number(),
});

export type PendingSignIn = z.infer<typeof pendingSchema>;
export type PendingSignIns = ReturnType<typeof createPendingSignIns>;

/**
 * Sign-ins on their way through Logto, each in a sealed cookie of its own, named after its `state`: several
 * tabs do not disturb each other, another browser has none of them, and the server keeps nothing for a visitor
 * who only opened the sign-in page.
 */
export function createPendingSignIns(options: {
  secrets: readonly string[];
  cookie: CookieShape;
  clock: Clock;
}) {
  const { secrets, cookie, clock } = options;
  const prefix = `${cookie.prefix}elp-sign-in-`;
  const nameOf = (state: string) => `${prefix}${hashOf(state).slice(0, 22)}`;

  async function openOf(value: string): Promise<PendingSignIn | undefined> {
    const pending = pendingSchema.safeParse(await unseal(value, secrets, PURPOSE)).data;
    const live = pending && Math.abs(clock.now() - pending.startedAtMs) < KEPT_MS;
    return live ? pending : undefined;
  }

  /** The oldest give way, the dead ones first. */
  async function makeRoom(req: Request, res: Response): Promise<void> {
    const held = await Promise.all(
      cookiesOf(req)
        .filter(([name]) => name.startsWith(prefix))
        .map(async ([name, value]) => ({ name, at: (await openOf(value))?.startedAtMs ?? 0 })),
    );
    const leaving = held.sort((a, b) => b.at - a.at).slice(MOST - 1);
    for (const { name } of leaving) res.clearCookie(name, cookie.options);
  }

  return {
    async keep(req: Request, res: Response, pending: Omit<PendingSignIn, 'startedAtMs'>): Promise<void> {
      await makeRoom(req, res);
      const { state } = JSON.parse(pending.signInSession) as { state: string };
      const value = await seal({ ...pending, startedAtMs: clock.now() }, secrets[0] as string, PURPOSE);
      res.cookie(nameOf(state), value, { ...cookie.options, maxAge: KEPT_MS });
    },

    /** What this browser began with `state`, taken away from it: a second call-back finds nothing. */
    async take(req: Request, res: Response, state: string): Promise<PendingSignIn | undefined> {
      const name = nameOf(state);
      const value = cookiesOf(req).find(([found]) => found === name)?.[1];
      if (value === undefined) return undefined;
      res.clearCookie(name, cookie.options);
      return openOf(value);
    },
  };
}

import { setTimeout as wait } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Issuer } from '../issuer.ts';
import { addressOf, userAgentOf } from '../webhooks/payloads.ts';
import type { WebhookBody } from '../webhooks/webhooks.ts';

/** So long the second event of one call waits for the first one to arrive. */
const HEAD_START_MS = 50;

type Announcement = () => WebhookBody;

const pending = new WeakMap<Response, Announcement[]>();

/**
 * Sends the webhook of a Management API call once its answer is out, as the vendor does. `rest` is what the
 * event adds: `data`, `organizationId` and the changed members; nothing at all for deletions.
 */
export function announce(
  issuer: Issuer,
  req: Request,
  res: Response,
  event: string,
  rest: Record<string, unknown> = {},
): void {
  const { path, method } = req;
  const params = paramsOf(req);
  const matchedRoute = String(req.route?.path ?? path);
  const caller = { userAgent: userAgentOf(req), ip: addressOf(req) };

  const queued = pending.get(res) ?? [];
  queued.push(() => {
    const call = { path, method, status: res.statusCode, params, matchedRoute };
    // A deleted user stands before the call, everything else behind it; the order is what was recorded.
    const parts = event === 'User.Deleted' ? { ...rest, ...call } : { ...call, ...rest };
    return { event, createdAt: new Date(issuer.clock.now()).toISOString(), ...caller, ...parts };
  });
  if (queued.length > 1) return;
  pending.set(res, queued);
  const generation = issuer.generation();
  const answered = new Promise<void>((resolve) => void res.once('close', () => resolve()));
  issuer.background(answered.then(() => sendInTurn(issuer, queued, generation)));
}

async function sendInTurn(issuer: Issuer, queued: Announcement[], generation: number): Promise<void> {
  const sent: Promise<void>[] = [];
  for (const body of queued) {
    if (issuer.generation() !== generation) break;
    const emitted = issuer.webhooks.emit(body());
    sent.push(emitted);
    if (queued.length > 1) await Promise.race([emitted, wait(HEAD_START_MS)]);
  }
  await Promise.all(sent);
}

/** The routes below `/roles/:id` show their rest as a nameless parameter. */
function paramsOf(req: Request): Record<string, unknown> {
  const params = { ...req.params };
  if (!/^\/roles\/[^/]+/.test(req.path)) return params;
  return { 0: req.path.replace(/^\/roles/, ''), ...params };
}

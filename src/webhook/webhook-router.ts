import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { MethodNotAllowed, WebhookRejected } from '../errors.ts';
import { parseDelivery, type SignedDelivery } from './delivery.ts';
import { type BodyRoom, leaveUnread, readRawBody, requirePlainJson } from './raw-body.ts';
import { claimedSignatureOf, createSignatureCheck } from './signature.ts';
import { createWebhookMetrics, outcomeOf } from './webhook-metrics.ts';

export type WebhookRouterOptions = {
  /** All are accepted: the present one and, while it is being changed, the one before. */
  signingKeys: readonly string[];
  /** How far `createdAt` may be from now, in both directions. */
  maxAgeSeconds: number;
  /** Where deliveries go; resolves when they are committed. */
  inbox: { receive(delivery: SignedDelivery): Promise<string> };
  clock: Clock;
  log: Logger;
  metrics?: Registry | undefined;
  /** Default 1 MB: lists of members reach some 470 KB. */
  limitBytes?: number;
  /** For all bodies that are being read at one moment, signed or not; default 64 MB. */
  roomBytes?: number;
  /** Default 10 seconds, after which Logto itself gives up. */
  bodyTimeoutMs?: number;
};

/**
 * Takes Logto's webhooks: verifies the signature over the raw bytes, stores, answers 200, and does nothing else.
 * Mount it before any body parser.
 *
 * Answers 200 for whatever is stored, duplicates and what it cannot make sense of included; 401 for a signature
 * that is missing or wrong, without saying which; 400 for what is stale or not JSON; 405, 408, 413 and 415; and
 * 503 when the database is away or the bodies under way have no more room, never a 4xx then, so that a sender that
 * repeats may repeat.
 *
 * @throws ConfigurationError when there is no signing key.
 * @see https://docs.logto.io/developers/webhooks
 *
 * @example
 * app.use('/api/webhooks/logto', createWebhookRouter({ signingKeys, maxAgeSeconds: 300, inbox, clock, log }));
 */
export function createWebhookRouter(options: WebhookRouterOptions): Router {
  const { inbox, clock, log, maxAgeSeconds, limitBytes = 1_048_576, bodyTimeoutMs = 10_000 } = options;
  const room: BodyRoom = { bytes: options.roomBytes ?? 64 * 1_048_576 };
  const verifySignature = createSignatureCheck(options.signingKeys);
  const count = createWebhookMetrics(options.metrics);

  async function receive(req: Request, res: Response): Promise<string> {
    requirePlainJson(req);
    const claimed = claimedSignatureOf(req);
    if (!claimed) {
      leaveUnread(req, res);
      throw new WebhookRejected('no signature');
    }
    const rawBody = await readRawBody(req, res, { limitBytes, timeoutMs: bodyTimeoutMs, room });
    if (!verifySignature(rawBody, claimed)) throw new WebhookRejected('no good signature');
    const delivery = parseDelivery(rawBody, { maxAgeSeconds, nowMs: clock.now() });
    const receipt = await inbox.receive(delivery);
    if (receipt === 'dead')
      log.error({ event: delivery.event, reason: delivery.reason }, 'webhook: a dead letter');
    return receipt;
  }

  async function storeDelivery(req: Request, res: Response): Promise<void> {
    const began = performance.now();
    let outcome = 'internal_error';
    try {
      outcome = await receive(req, res);
      // Logto keeps the answer and shows it to administrators: nothing in it but this word.
      res.status(200).json({ status: outcome });
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      count(outcome, (performance.now() - began) / 1_000);
    }
  }

  function onlyPost(_req: Request, _res: Response, next: NextFunction): void {
    next(new MethodNotAllowed(['POST']));
  }

  const router = express.Router();
  router.route('/').post(storeDelivery).all(onlyPost);
  return router;
}

import { Router } from 'express';
import { z } from 'zod';
import type { Issuer } from './issuer.ts';
import { mintSchema, mintToken } from './mint-token.ts';
import { sendWebhook, sendWebhookSchema } from './send-webhook.ts';
import { signingAlgorithms } from './signing-keys.ts';
import type { DeliveryRecord } from './webhooks/delivery.ts';

const rotateSchema = z.strictObject({
  alg: z.enum(signingAlgorithms as [string, ...string[]]).optional(),
  /** Seconds in which the new key is announced but does not sign yet; `true` is Logto Cloud's four hours. */
  grace: z.union([z.number().min(0), z.boolean()]).optional(),
  /** Forgets the replaced key at once. */
  dropPrevious: z.boolean().optional(),
});

export type RotateRequest = z.input<typeof rotateSchema>;

const CLOUD_GRACE_SECONDS = 4 * 3600;

export async function rotateKeys(issuer: Issuer, input: RotateRequest = {}) {
  const { alg, grace = 0, dropPrevious } = rotateSchema.parse(input);
  await issuer.keys.rotate({
    ...(alg === undefined ? {} : { alg: alg as never }),
    graceSeconds: grace === true ? CLOUD_GRACE_SECONDS : Number(grace),
    ...(dropPrevious === undefined ? {} : { dropPrevious }),
  });
  return issuer.keys.list();
}

/** The control endpoints that only this emulator has. */
export function createControlRoutes(issuer: Issuer): Router {
  const router = Router();
  router.post('/tokens', async (req, res) => {
    res.set('Cache-Control', 'no-store').json(await mintToken(issuer, mintSchema.parse(req.body)));
  });
  router.post('/keys/rotate', async (req, res) => void res.json(await rotateKeys(issuer, req.body ?? {})));
  router.get('/deliveries', (_req, res) => void res.json(issuer.webhooks.newestFirst().map(withParsedBody)));
  router.post('/webhooks', async (req, res) => {
    res.json((await sendWebhook(issuer, sendWebhookSchema.parse(req.body))).map(withParsedBody));
  });
  router.post('/deliveries/:id/replay', async (req, res) => {
    const replayed = await issuer.webhooks.replay(req.params.id);
    res.status(replayed ? 200 : 404).json(replayed ? withParsedBody(replayed) : { code: 'unknown_delivery' });
  });
  return router;
}

/** A delivery as kept, and its payload as JSON where it is some. */
export type Delivery = DeliveryRecord & { payload: unknown };

export function withParsedBody(delivery: DeliveryRecord): Delivery {
  try {
    return { ...delivery, payload: JSON.parse(delivery.rawBody) as unknown };
  } catch {
    return { ...delivery, payload: null };
  }
}

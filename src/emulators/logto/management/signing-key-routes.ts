import { Router } from 'express';
import { z } from 'zod';
import type { Issuer } from '../issuer.ts';
import { bodyOf } from './request-body.ts';

/** `/configs/oidc/private-keys`: the issuer's signing keys. */
export function createSigningKeyRoutes({ keys }: Issuer): Router {
  const router = Router();
  router.get('/configs/oidc/private-keys', (_req, res) => void res.json(keys.list()));
  router.post('/configs/oidc/private-keys/rotate', async (req, res) => {
    const { signingKeyAlgorithm, rotationGracePeriod = 0 } = bodyOf(
      req,
      z.object({
        signingKeyAlgorithm: z.enum(['EC', 'RSA']).optional(),
        rotationGracePeriod: z.number().min(0).optional(),
      }),
    );
    await keys.rotate({
      alg: signingKeyAlgorithm === 'RSA' ? 'RS256' : 'ES384',
      graceSeconds: rotationGracePeriod,
    });
    res.json(keys.list());
  });
  return router;
}

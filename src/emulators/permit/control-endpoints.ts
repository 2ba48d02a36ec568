import { Router } from 'express';
import { z } from 'zod';
import type { createEmulatorState } from './emulator-state.ts';
import { ApiError } from './model/api-error.ts';
import type { SeedFacts } from './seed-facts.ts';
import type { SeedPolicy } from './seed-policy.ts';

const seedBody = z.strictObject({ policy: z.unknown().optional(), facts: z.unknown().optional() });

/**
 * Control endpoints that only this emulator has: `GET /_emulator/decisions` (the last decisions and why) and
 * `POST /_emulator/seed` (`{policy?, facts?}`: start over from these; what is refused leaves the old seed).
 */
export function controlEndpoints(state: ReturnType<typeof createEmulatorState>): Router {
  const router = Router();
  router.get('/decisions', (_req, res) => void res.json(state.decisions.newestFirst()));
  router.post('/seed', (req, res) => {
    const { policy, facts } = seedBody.parse(req.body);
    try {
      state.reseed({
        ...(policy === undefined ? {} : { policy: policy as SeedPolicy }),
        ...(facts === undefined ? {} : { facts: facts as SeedFacts }),
      });
    } catch (error) {
      state.reset();
      // A policy of another shape fails wherever its first missing member is read.
      if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
      res.status(400).json({ code: 'invalid_input', message: error.message });
      return;
    }
    res.json({ seeded: true });
  });
  return router;
}

import { timingSafeEqual } from 'node:crypto';
import { Router, urlencoded } from 'express';
import { newSecret } from '../directory/ids.ts';
import type { Issuer } from '../issuer.ts';
import { messagePage } from '../pages/message-page.ts';
import { sendPage } from '../pages/page.ts';
import { inspectorPage } from './inspector-page.ts';

/** The page at `/`, and its replay buttons. It works without scripts; only its own forms are taken. */
export function createInspector(issuer: Issuer): Router {
  const csrf = newSecret(43);
  const router = Router();
  router.get('/', (_req, res) => sendPage(res, 'Inspector', inspectorPage(issuer, csrf), { wide: true }));
  router.post('/deliveries/:id/replay', urlencoded({ extended: false, limit: '2kb' }), async (req, res) => {
    if (!same(String(req.body?.csrf ?? ''), csrf)) {
      const text = 'This form does not come from the page that this emulator shows now. Load the page again.';
      sendPage(res, 'Refused', messagePage('Refused', text), { status: 403 });
      return;
    }
    const replayed = await issuer.webhooks.replay(req.params.id);
    if (replayed) res.redirect(303, '/#deliveries');
    else sendPage(res, 'Gone', messagePage('Gone', 'This delivery is not kept any more.'), { status: 404 });
  });
  return router;
}

function same(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

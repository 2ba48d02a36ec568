import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';

/** Orchestrators ask from the first moment on: alive at once, and everything else not before it is ready. */
export const answerWhileStarting: RequestListener = (req, res) => {
  const id = randomUUID();
  const alive = req.url === '/livez' && (req.method === 'GET' || req.method === 'HEAD');
  const notReady = {
    type: 'urn:express-logto-permit:upstream_unavailable',
    title: 'Service unavailable',
    status: 503,
    code: 'upstream_unavailable',
    instance: id,
    detail: 'starting',
  };
  res.writeHead(alive ? 200 : 503, {
    'Content-Type': alive ? 'application/json; charset=utf-8' : 'application/problem+json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Request-Id': id,
    ...(alive ? {} : { 'Retry-After': '1' }),
  });
  res.end(JSON.stringify(alive ? { status: 'ok' } : notReady));
};

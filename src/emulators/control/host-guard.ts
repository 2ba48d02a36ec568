import type { RequestHandler } from 'express';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Answers loopback `Host` names only (421 otherwise): a page of the internet whose name was rebound to
 * 127.0.0.1 still sends its own name here.
 */
export function createHostGuard(extraHosts: readonly string[] = []): RequestHandler {
  const extra = new Set(extraHosts.map((host) => host.toLowerCase()));

  return function hostGuard(req, res, next) {
    const host = req.headers.host?.toLowerCase() ?? '';
    const name = host.replace(/:\d{1,5}$/, '');
    if (LOOPBACK.has(name) || name.endsWith('.localhost') || extra.has(host)) return next();
    res.status(421).json({ code: 'foreign_host', message: 'The emulator answers loopback hosts only.' });
  };
}

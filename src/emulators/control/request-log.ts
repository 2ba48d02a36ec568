import type { RequestHandler } from 'express';
import type { Clock } from './emulator-clock.ts';

export type RecordedRequest = {
  id: number;
  at: string;
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  /** As far as a body parser read it. */
  body?: unknown;
  /** Absent while it runs, and when the client went away or the connection was reset. */
  status?: number;
  durationMs?: number;
};

const LIMIT = 500;
const BODY_LIMIT_CHARS = 16_384;

/** What was asked of the emulator, the newest `limit` requests. */
export function createRequestLog({ clock, limit = LIMIT }: { clock: Clock; limit?: number }) {
  let entries: RecordedRequest[] = [];
  let lastId = 0;

  const recordRequests: RequestHandler = function recordRequests(req, res, next) {
    if (req.path.startsWith('/_emulator/')) return next();
    const startedAt = performance.now();
    const mark = req.originalUrl.indexOf('?');
    lastId += 1;
    const entry: RecordedRequest = {
      id: lastId,
      at: new Date(clock.now()).toISOString(),
      method: req.method,
      path: mark < 0 ? req.originalUrl : req.originalUrl.slice(0, mark),
      query: mark < 0 ? '' : req.originalUrl.slice(mark + 1),
      headers: headersOf(req.headers),
    };
    entries.push(entry);
    if (entries.length > limit) entries.shift();
    res.once('close', () => {
      entry.durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
      if (res.writableFinished) entry.status = res.statusCode;
      const body = bodyOf(req.body);
      if (body !== undefined) entry.body = body;
    });
    next();
  };

  return {
    recordRequests,
    newestFirst: (): RecordedRequest[] => entries.toReversed(),
    clear(): void {
      entries = [];
    },
  };
}

function headersOf(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
    copy[name] = name === 'authorization' ? shortened(text) : text;
  }
  return copy;
}

/** Enough to tell two tokens apart, too little to use one. */
function shortened(authorization: string): string {
  const [scheme, credentials = ''] = authorization.split(' ', 2);
  return `${scheme} …${credentials.slice(-6)}`;
}

function bodyOf(body: unknown): unknown {
  if (body === undefined || Buffer.isBuffer(body)) return undefined;
  try {
    const json = JSON.stringify(body) ?? '';
    return json.length <= BODY_LIMIT_CHARS ? body : `${json.slice(0, BODY_LIMIT_CHARS)}…`;
  } catch {
    // Nested too deeply to be written. This runs in a listener, where an error would end the process.
    return '…';
  }
}

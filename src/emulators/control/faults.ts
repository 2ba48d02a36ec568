import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';

/** What `POST /_emulator/faults` takes. `times` is how often it strikes; without it, until it is cleared. */
export const faultSchema = z.strictObject({
  match: z
    .strictObject({
      method: z.string().optional(),
      /** Exact path; `*` stands for anything, `:name` for one segment. Everything when left out. */
      path: z.string().optional(),
    })
    .default({}),
  status: z.int().min(200).max(599).optional(),
  headers: z.record(z.string(), z.string()).superRefine(requireSendable).optional(),
  body: z.unknown().optional(),
  delayMs: z.number().min(0).max(600_000).optional(),
  /** Takes the request and never answers. */
  hang: z.boolean().optional(),
  /** Resets the connection. */
  reset: z.boolean().optional(),
  /** Lets the request act, then answers with this fault: the caller cannot know that it worked. */
  afterwards: z.boolean().optional(),
  times: z.int().min(1).optional(),
});

/** Refused here: when a delayed fault strikes, nobody is left to catch what a bad header throws. */
function requireSendable(headers: Record<string, string>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      context.addIssue({ code: 'custom', path: [name], message: (error as Error).message });
    }
  }
}

export type FaultRule = z.input<typeof faultSchema>;

type ArmedFault = { id: number; rule: z.output<typeof faultSchema>; path: RegExp; left: number };

export type Faults = ReturnType<typeof createFaults>;

/** Faults on demand: they strike in the order in which they were added, the first match wins. */
export function createFaults() {
  const armed: ArmedFault[] = [];
  const timers = new Set<NodeJS.Timeout>();
  let lastId = 0;

  function take(req: Request): ArmedFault['rule'] | undefined {
    const index = armed.findIndex(
      ({ rule, path }) =>
        (rule.match.method ?? req.method).toUpperCase() === req.method && path.test(req.path),
    );
    const hit = armed[index];
    if (!hit) return undefined;
    hit.left -= 1;
    if (hit.left <= 0) armed.splice(index, 1);
    return hit.rule;
  }

  const applyFaults: RequestHandler = function applyFaults(req, res, next) {
    if (req.path.startsWith('/_emulator/')) return next();
    const rule = take(req);
    if (!rule) return next();

    const strike = () => {
      if (rule.afterwards) {
        replaceAnswer(rule, req, res);
        return next();
      }
      if (!answers(rule)) return next();
      answer(rule, req, res);
    };
    if (!rule.delayMs) return strike();
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!res.destroyed) strike();
    }, rule.delayMs);
    timers.add(timer);
  };

  return {
    applyFaults,
    /** @throws ZodError when the rule is not understood. */
    add(input: unknown): { id: number } {
      const rule = faultSchema.parse(input);
      lastId += 1;
      armed.push({ id: lastId, rule, path: pathPattern(rule.match.path), left: rule.times ?? Infinity });
      return { id: lastId };
    },
    list: () =>
      armed.map(({ id, rule, left }) => ({ id, ...rule, left: Number.isFinite(left) ? left : null })),
    clear(): void {
      armed.length = 0;
    },
    /** Ends delayed answers; for closing. */
    stop(): void {
      armed.length = 0;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

function answers(rule: ArmedFault['rule']): boolean {
  return Boolean(rule.hang || rule.reset || rule.status !== undefined || rule.body !== undefined);
}

function answer(rule: ArmedFault['rule'], req: Request, res: Response): void {
  if (rule.hang) return;
  if (rule.reset) {
    req.socket.resetAndDestroy();
    return;
  }
  res.status(rule.status ?? 200);
  for (const [name, value] of Object.entries(rule.headers ?? {})) res.setHeader(name, value);
  const body = rule.body ?? { code: 'fault', message: 'A fault was asked for.' };
  if (typeof body === 'string') {
    if (!res.hasHeader('content-type')) res.type('text/plain');
    res.end(body);
  } else res.json(body);
}

function replaceAnswer(rule: ArmedFault['rule'], req: Request, res: Response): void {
  const end = res.end.bind(res);
  res.writeHead = (() => res) as Response['writeHead'];
  res.write = (() => true) as Response['write'];
  res.end = (() => {
    res.end = end;
    // Own methods hide the prototype's; removing them restores those.
    Reflect.deleteProperty(res, 'write');
    Reflect.deleteProperty(res, 'writeHead');
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    answer(rule, req, res);
    return res;
  }) as Response['end'];
}

/** `*` is anything, `:name` one segment. */
function pathPattern(path: string | undefined): RegExp {
  if (path === undefined) return /^/;
  const source = path
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/:[A-Za-z]\w*/g, '[^/]+');
  return new RegExp(`^${source}$`);
}

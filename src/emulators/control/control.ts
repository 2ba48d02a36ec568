import { type ErrorRequestHandler, json, type RequestHandler, Router } from 'express';
import { ZodError, z } from 'zod';
import { createControlGuard } from './control-guard.ts';
import { ControlRefusal } from './control-refusal.ts';
import { type Clock, createEmulatorClock, type EmulatorClock } from './emulator-clock.ts';
import { createFaults, type FaultRule } from './faults.ts';
import { createHostGuard } from './host-guard.ts';
import { isTooDeep } from './json-depth.ts';
import { notEmulated } from './not-emulated.ts';
import { createRequestLog, type RecordedRequest } from './request-log.ts';

export type Control = {
  /** Mounts `/_emulator/*`; put it behind the three handlers below and before the vendor's routes. */
  router: Router;
  guardHost: RequestHandler;
  recordRequests: RequestHandler;
  applyFaults: RequestHandler;
  /** Moves with `POST /_emulator/clock`. */
  clock: EmulatorClock;
  requests(): RecordedRequest[];
  addFault(rule: FaultRule): { id: number };
  clearFaults(): void;
  /** Back to the seed: the emulator's own `reset`, and faults, clock offset and request log. */
  reset(): Promise<void>;
  /** Ends delayed answers. */
  close(): void;
};

export type ControlOptions = {
  /** Named in `GET /_emulator/state`. */
  name: string;
  state(): unknown;
  reset(): void | Promise<void>;
  clock: Clock | EmulatorClock;
  /** Endpoints of this emulator alone, relative to `/_emulator`; JSON bodies are parsed already. */
  extra?: Router;
  /** Origins beside the emulator's own that may call the control endpoints. */
  allowedOrigins?: readonly string[];
  /** `Host` values beside loopback, with port. */
  allowedHosts?: readonly string[];
};

/**
 * The control endpoints that both emulators have: state, reset, faults, clock, requests.
 *
 * @example
 * const control = createControl({ name: 'logto', state, reset, clock: machineClock, extra });
 * app.use(control.guardHost, control.recordRequests, control.applyFaults, control.router);
 */
export function createControl(options: ControlOptions): Control {
  const clock = 'setOffset' in options.clock ? options.clock : createEmulatorClock(options.clock);
  const faults = createFaults();
  const log = createRequestLog({ clock });

  async function reset(): Promise<void> {
    faults.clear();
    clock.setOffset(0);
    await options.reset();
    log.clear();
  }

  const endpoints = Router();
  endpoints.use(createControlGuard(options.allowedOrigins), json({ limit: '5mb' }), refuseDeepBodies);
  endpoints.get('/state', (_req, res) => {
    res.json({
      emulator: options.name,
      now: new Date(clock.now()).toISOString(),
      offsetSeconds: clock.offsetSeconds(),
      faults: faults.list(),
      ...(options.state() as object),
    });
  });
  endpoints.post('/reset', async (_req, res) => {
    await reset();
    res.json({ reset: true });
  });
  endpoints.get('/faults', (_req, res) => void res.json(faults.list()));
  endpoints.post('/faults', (req, res) => void res.status(201).json(faults.add(req.body)));
  endpoints.delete('/faults', (_req, res) => {
    faults.clear();
    res.status(204).end();
  });
  endpoints.post('/clock', (req, res) => {
    const { offsetSeconds } = clockSchema.parse(req.body);
    clock.setOffset(offsetSeconds);
    res.json({ offsetSeconds, now: new Date(clock.now()).toISOString() });
  });
  endpoints.get('/requests', (_req, res) => void res.json(log.newestFirst()));
  if (options.extra) endpoints.use(options.extra);
  endpoints.use(notEmulated, controlErrors);

  return {
    router: Router().use('/_emulator', endpoints),
    guardHost: createHostGuard(options.allowedHosts),
    recordRequests: log.recordRequests,
    applyFaults: faults.applyFaults,
    clock,
    requests: log.newestFirst,
    addFault: faults.add,
    clearFaults: faults.clear,
    reset,
    close: faults.stop,
  };
}

/** A fault's body is answered from a timer, and a seed is walked: both must be of a depth that can be. */
const refuseDeepBodies: RequestHandler = function refuseDeepBodies(req, _res, next) {
  if (isTooDeep(req.body)) throw new ControlRefusal(400, 'invalid_input', 'The body is nested too deeply.');
  next();
};

const clockSchema = z.strictObject({ offsetSeconds: z.number() });

/** Control endpoints are for developers: they say what was wrong with the call. */
const controlErrors: ErrorRequestHandler = function controlErrors(error, _req, res, _next) {
  if (error instanceof ZodError) {
    const errors = error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
    res.status(400).json({ code: 'invalid_input', message: 'The body is not understood.', errors });
    return;
  }
  const status = typeof error.status === 'number' ? error.status : 500;
  res.status(status).json({ code: error.code ?? 'control_error', message: error.message ?? 'unknown' });
};

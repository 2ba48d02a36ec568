import { Router } from 'express';
import { z } from 'zod';
import { newId, newSecret } from '../directory/ids.ts';
import type { HookRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { type DeliveryRecord, succeeded } from '../webhooks/delivery.ts';
import { hookEventsOf } from '../webhooks/payloads.ts';
import { testPayload } from '../webhooks/test-payload.ts';
import { ManagementError, notExistsWithId } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedHook } from './presented.ts';
import { bodyOf } from './request-body.ts';

const DAY_MS = 86_400_000;

/** `/hooks`: the webhooks themselves, their keys, their log, and the test button. */
export function createHookRoutes(issuer: Issuer): Router {
  const { directory, webhooks, clock, version } = issuer;
  const router = Router();
  const config = z.object({
    url: z.string().min(1),
    headers: z.record(z.string(), z.string()).optional(),
    retries: z.number().optional(),
  });
  const event = z.enum(hookEventsOf(version) as [string, ...string[]]);
  const changeInput = z
    .object({
      name: z.string(),
      event: event.nullable(),
      events: z.array(event),
      config,
      enabled: z.boolean(),
    })
    .partial();

  function requireHook(id: string): HookRecord {
    const hook = directory.hooks.get(id);
    if (!hook) throw notExistsWithId('hooks', id);
    return hook;
  }

  const logsOf = (hookId: string) =>
    webhooks.newestFirst().filter((delivery) => delivery.hookId === hookId && delivery.attempts.length > 0);

  function withStatistics(hook: HookRecord) {
    const since = clock.now() - DAY_MS;
    const recent = logsOf(hook.id).filter(({ createdAt }) => createdAt >= since);
    const successCount = recent.filter(({ attempts }) => succeeded(attempts.at(-1))).length;
    return { ...presentedHook(hook), executionStats: { successCount, requestCount: recent.length } };
  }

  router.get('/hooks', (req, res) => {
    const present = req.query.includeExecutionStats === 'true' ? withStatistics : presentedHook;
    res.json(directory.hooks.all().map(present));
  });
  router.post('/hooks', (req, res) => {
    const input = bodyOf(req, changeInput.extend({ name: z.string().default(''), config }));
    const events = input.events ?? (input.event ? [input.event] : []);
    if (events.length === 0)
      throw new ManagementError(400, 'hook.missing_events', 'You need to provide at least one event.');
    const hook = directory.hooks.put({
      id: newId(21),
      name: input.name,
      events,
      config: input.config as HookRecord['config'],
      signingKey: newSecret(32).replace(/[-_]/g, 'A'),
      enabled: input.enabled ?? true,
      createdAt: clock.now(),
    });
    res.status(201).json(presentedHook(hook));
  });
  router.get('/hooks/:id', (req, res) => {
    const hook = requireHook(req.params.id);
    res.json(req.query.includeExecutionStats === 'true' ? withStatistics(hook) : presentedHook(hook));
  });
  router.patch('/hooks/:id', (req, res) => {
    const { event: _, ...changes } = bodyOf(req, changeInput);
    const hook = { ...requireHook(req.params.id), ...(changes as Partial<HookRecord>) };
    res.json(presentedHook(directory.hooks.put(hook)));
  });
  router.delete('/hooks/:id', (req, res) => {
    directory.hooks.delete(requireHook(req.params.id).id);
    res.status(204).end();
  });
  router.patch('/hooks/:id/signing-key', (req, res) => {
    const hook = requireHook(req.params.id);
    // At once, without an overlap.
    const signingKey = newSecret(32).replace(/[-_]/g, 'A');
    res.json(presentedHook(directory.hooks.put({ ...hook, signingKey })));
  });

  router.post('/hooks/:id/test', async (req, res) => {
    const hook = requireHook(req.params.id);
    const input = bodyOf(req, z.object({ events: z.array(event).min(1), config }));
    const target = { ...hook, config: input.config as HookRecord['config'] };
    const sent = await Promise.all(
      input.events.map((name) => webhooks.sendTo(target, testPayload(name, hook.id, clock.now()))),
    );
    const refused = sent
      .flat()
      .find(({ status }) => status !== 'delivered')
      ?.attempts.at(-1);
    if (refused)
      throw refused.status === undefined
        ? new ManagementError(
            422,
            'hook.send_test_payload_failed',
            `Failed to send test payload: ${refused.error}`,
          )
        : new ManagementError(
            422,
            'hook.endpoint_responded_with_error',
            'Request sent, but the endpoint responded with an error.',
            { data: { responseStatus: refused.status, responseBody: refused.body } },
          );
    res.status(204).end();
  });

  router.get('/hooks/:id/recent-logs', (req, res) => {
    const { id } = requireHook(req.params.id);
    const startTime = Number(req.query.start_time ?? 0);
    const since = Math.max(clock.now() - DAY_MS, Number.isFinite(startTime) ? startTime : 0);
    const logs = logsOf(id).filter(
      (log) =>
        log.createdAt >= since &&
        (req.query.logKey === undefined || `TriggerHook.${log.event}` === req.query.logKey),
    );
    sendPageOf(issuer, req, res, logs, presentedLog);
  });
  return router;
}

/** As the audit log has it: the whole request, and the receiver's answer. */
function presentedLog(delivery: DeliveryRecord) {
  const attempt = delivery.attempts.at(-1);
  const key = `TriggerHook.${delivery.event}`;
  const answered = attempt?.status !== undefined;
  const error = answered
    ? `HTTPError: {"message":"Request failed with status code ${attempt.status}"}`
    : `TypeError: {"message":"fetch failed","cause":{"code":"${attempt?.error}"}}`;
  return {
    id: delivery.id,
    key,
    payload: {
      key,
      result: succeeded(attempt) ? 'Success' : 'Error',
      ...(succeeded(attempt) ? {} : { error }),
      hookId: delivery.hookId,
      ...(answered ? { response: { body: attempt.body, statusCode: attempt.status } } : {}),
      hookRequest: { body: parsed(delivery.rawBody) },
    },
    createdAt: delivery.createdAt,
  };
}

function parsed(rawBody: string): unknown {
  try {
    return JSON.parse(rawBody);
  } catch {
    return rawBody;
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../control/emulator-clock.ts';
import type { Store } from '../../store/store.ts';
import { newId } from '../directory/ids.ts';
import type { HookRecord } from '../directory/records.ts';
import { type Directory, openTable } from '../directory/tables.ts';
import {
  attemptDelivery,
  type DeliveryRecord,
  SIGNATURE_HEADER,
  signatureOf,
  succeeded,
} from './delivery.ts';
import { applyWebhookFault, type WebhookFault } from './webhook-faults.ts';

const KEPT = 500;
const RETRY_DELAYS_MS = [100, 400, 1_600];
/** After a restart the receiver may come up later than the emulator. */
const RESUME_EVERY_MS = 250;
const RESUME_FOR_MS = 60_000;

export type WebhookBody = { event: string; createdAt: string; [member: string]: unknown };

export type WebhookOptions = {
  store: Store;
  directory: Directory;
  clock: Clock;
  /** Further attempts after a 5xx; Logto up to 1.42 makes none. */
  retries: number;
};

export type Webhooks = ReturnType<typeof createWebhooks>;

/**
 * Sends signed webhooks to every hook that is subscribed. What has not been attempted yet when the process dies
 * is sent after the next start; everything else is as unreliable as the vendor's.
 */
export function createWebhooks({ store, directory, clock, retries }: WebhookOptions) {
  const deliveries = openTable<DeliveryRecord>(store, 'deliveries');
  const running = new Set<Promise<void>>();
  let stopping = new AbortController();

  function prepare(hook: HookRecord, body: WebhookBody, fault?: WebhookFault): DeliveryRecord {
    const rawBody = JSON.stringify({ ...body, hookId: hook.id });
    const record: DeliveryRecord = {
      id: newId(21),
      hookId: hook.id,
      event: body.event,
      url: hook.config.url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Logto (https://logto.io/)',
        ...withoutSignature(hook.config.headers),
        [SIGNATURE_HEADER]: signatureOf(hook.signingKey, rawBody),
      },
      rawBody,
      createdAt: clock.now(),
      status: 'pending',
      attempts: [],
    };
    return fault ? applyWebhookFault(record, fault, hook.signingKey) : record;
  }

  function keep(record: DeliveryRecord): DeliveryRecord {
    deliveries.put(record);
    for (const old of deliveries.all().slice(0, -KEPT)) deliveries.delete(old.id);
    return record;
  }

  function send(record: DeliveryRecord, { patient = false, delayMs = 0 } = {}): Promise<void> {
    const { signal } = stopping;
    const work = (async () => {
      if (delayMs > 0) await wait(delayMs, undefined, { signal, ref: false });
      const startedAt = performance.now();
      for (let round = 0; !signal.aborted; round += 1) {
        const attempt = await attemptDelivery(record, { now: clock.now(), signal });
        if (signal.aborted) return;
        const refused = attempt.status === undefined && performance.now() - startedAt < RESUME_FOR_MS;
        if (patient && refused) {
          await wait(RESUME_EVERY_MS, undefined, { signal, ref: false });
          continue;
        }
        const kept = deliveries.get(record.id);
        if (!kept) return;
        const again = (attempt.status ?? 0) >= 500 && round < retries;
        deliveries.put({
          ...kept,
          status: again ? 'pending' : succeeded(attempt) ? 'delivered' : 'failed',
          attempts: [...kept.attempts, attempt],
        });
        if (!again) return;
        await wait(RETRY_DELAYS_MS[round] ?? 1_600, undefined, { signal, ref: false });
      }
    })().catch(() => undefined);
    running.add(work);
    void work.finally(() => running.delete(work));
    return work;
  }

  /** What was held back to come out of order goes after the one that was to overtake it. */
  function releaseHeld(hookId: string, after: Promise<unknown>): void {
    const held = deliveries.all().filter((record) => record.status === 'held' && record.hookId === hookId);
    for (const record of held) {
      deliveries.patch(record.id, { status: 'pending' });
      const work = after.then(() => send(record));
      running.add(work);
      void work.finally(() => running.delete(work));
    }
  }

  return {
    /** Sends the event to its subscribers; resolves when they have answered or failed. Never rejects. */
    async emit(body: WebhookBody): Promise<void> {
      const hooks = directory.hooks.all().filter((hook) => hook.enabled && hook.events.includes(body.event));
      await Promise.all(
        hooks.map((hook) => {
          const sent = send(keep(prepare(hook, body)));
          releaseHeld(hook.id, sent);
          return sent;
        }),
      );
    },
    /** Sends to one hook whatever is asked for, with a fault if wanted; resolves when it was attempted. */
    async sendTo(hook: HookRecord, body: WebhookBody, fault?: WebhookFault): Promise<DeliveryRecord[]> {
      const { signal } = stopping;
      const record = keep(prepare(hook, body, fault));
      const delayMs = fault?.kind === 'delay' ? fault.delayMs : 0;
      if (record.status === 'pending') {
        const sent = send(record, { delayMs });
        if (!fault) releaseHeld(hook.id, sent);
        if (fault?.kind === 'delay') return [record];
        await sent;
      }
      const results = [deliveries.get(record.id) ?? record];
      if (fault?.kind === 'duplicate' && !signal.aborted) {
        const twin = keep({ ...record, id: newId(21) });
        await send(twin);
        results.push(deliveries.get(twin.id) ?? twin);
      }
      return results;
    },
    /** Sends a kept delivery again, byte for byte. */
    async replay(id: string): Promise<DeliveryRecord | undefined> {
      const old = deliveries.get(id);
      if (!old) return undefined;
      const record = keep({
        ...old,
        id: newId(21),
        status: 'pending',
        attempts: [],
        fault: `replay of ${id}`,
      });
      await send(record);
      return deliveries.get(record.id);
    },
    newestFirst: (): DeliveryRecord[] => deliveries.all().toReversed(),
    /** What the last process had not attempted; the receiver may have moved since. */
    resume(): void {
      for (const record of deliveries.all()) {
        const url = directory.hooks.get(record.hookId)?.config.url ?? record.url;
        if (record.status === 'pending') void send(deliveries.put({ ...record, url }), { patient: true });
      }
    },
    /** Resolves when nothing is on its way. */
    async settled(): Promise<void> {
      while (running.size > 0) await Promise.all(running);
    },
    /** Ends what is on its way; it stays `pending` for the next start. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(running);
      stopping = new AbortController();
    },
  };
}

/** Headers of the hook are its own business, but none stands in for the signature. */
function withoutSignature(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== SIGNATURE_HEADER),
  );
}

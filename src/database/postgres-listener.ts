import pg from 'pg';
import type { Logger } from 'pino';
import type { Database } from './database.ts';
import { databaseErrorOf } from './database-error.ts';

const RETRY_MS = [250, 500, 1_000, 2_000, 5_000];
const HEARTBEAT_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

type Subscription = {
  channel: string;
  onNotice: (payload: string) => void;
  onState: ((listening: boolean) => void) | undefined;
};

/**
 * One connection of its own for all `LISTEN`s of a process. It comes back by itself after a loss, listens to
 * the same channels again, and then says so: what was notified meanwhile is lost, and whoever needs it must look.
 */
export function createListener(options: { connection: pg.ClientConfig; log: Logger }): {
  listen: Database['listen'];
  close(): Promise<void>;
} {
  const { connection, log } = options;
  const subscriptions = new Set<Subscription>();
  let client: pg.Client | undefined;
  let connecting: Promise<pg.Client> | undefined;
  let attempt = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function connect(): Promise<pg.Client> {
    const next = new pg.Client({ ...connection, query_timeout: HEARTBEAT_TIMEOUT_MS });
    // Unheard, the event would end the process; the rejection or `lost` tells the story.
    next.on('error', (error) => lost(next, error));
    next.on('end', () => lost(next, new Error('connection ended')));
    next.on('notification', ({ channel, payload = '' }) => {
      for (const s of subscriptions) if (s.channel === channel) s.onNotice(payload);
    });
    try {
      await next.connect();
      for (const channel of new Set([...subscriptions].map((s) => s.channel))) await listenOn(next, channel);
    } catch (error) {
      await next.end().catch(() => undefined);
      throw databaseErrorOf(error);
    }
    if (closed) {
      await next.end();
      throw new Error('closed');
    }
    client = next;
    attempt = 0;
    beatLater(next);
    return next;
  }

  const listenOn = (on: pg.Client, channel: string) => on.query(`LISTEN ${pg.escapeIdentifier(channel)}`);

  function connected(): Promise<pg.Client> {
    if (client) return Promise.resolve(client);
    connecting ??= connect().finally(() => {
      connecting = undefined;
    });
    return connecting;
  }

  /** A connection that died silently (a firewall, a pulled cable) raises no event: ask it now and then. */
  function beatLater(on: pg.Client): void {
    timer = setTimeout(() => {
      on.query('SELECT 1').then(
        () => client === on && beatLater(on),
        (error: unknown) => lost(on, error),
      );
    }, HEARTBEAT_MS);
    timer.unref();
  }

  function lost(which: pg.Client, cause: unknown): void {
    if (client !== which) return;
    client = undefined;
    clearTimeout(timer);
    which.end().catch(() => undefined);
    if (closed) return;
    log.warn({ err: cause }, 'the connection for database notices was lost');
    for (const s of subscriptions) s.onState?.(false);
    reconnectLater();
  }

  function reconnectLater(): void {
    if (closed || subscriptions.size === 0) return;
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        connected().then(
          () => {
            for (const s of subscriptions) s.onState?.(true);
          },
          () => reconnectLater(),
        );
      },
      RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)],
    );
    timer.unref();
  }

  return {
    async listen(channel, onNotice, onState) {
      const subscription = { channel, onNotice, onState };
      subscriptions.add(subscription);
      try {
        await listenOn(await connected(), channel);
      } catch (error) {
        subscriptions.delete(subscription);
        throw databaseErrorOf(error);
      }
      onState?.(true);
      return async () => {
        subscriptions.delete(subscription);
        const others = [...subscriptions].some((s) => s.channel === channel);
        if (client && !others) {
          await client.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
        }
      };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await connecting?.catch(() => undefined);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}

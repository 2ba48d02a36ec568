import express from 'express';
import { type Control, createControl } from '../control/control.ts';
import { type Clock, createEmulatorClock } from '../control/emulator-clock.ts';
import type { FaultRule } from '../control/faults.ts';
import { listenOnLoopback } from '../control/listen.ts';
import { notEmulated } from '../control/not-emulated.ts';
import type { RecordedRequest } from '../control/request-log.ts';
import { demoSeed, type Seed } from '../seed.ts';
import { openStore } from '../store/store.ts';
import {
  createControlRoutes,
  type Delivery,
  type RotateRequest,
  rotateKeys,
  withParsedBody,
} from './control-routes.ts';
import { openDirectory } from './directory/tables.ts';
import { stateOf } from './emulator-state.ts';
import { createFailureAnswer } from './failure-answer.ts';
import { createInspector } from './inspector/inspector.ts';
import { createIssuedLog } from './issued-log.ts';
import type { Issuer, LogtoVersion } from './issuer.ts';
import { createManagementRouter } from './management/management-router.ts';
import { type MintedToken, type MintRequest, mintToken } from './mint-token.ts';
import { openIssuedState } from './oidc/issued-state.ts';
import { createOidcRouter } from './oidc/oidc-router.ts';
import { createSignInRoutes } from './pages/sign-in-routes.ts';
import { plantEverything } from './plant-everything.ts';
import { type SendWebhook, sendWebhook } from './send-webhook.ts';
import { openSigningKeys } from './signing-keys.ts';
import { type TokenFault, tokenFaults } from './token-faults.ts';
import { vendorHeaders } from './vendor-headers.ts';
import { createWebhooks } from './webhooks/webhooks.ts';

export type LogtoEmulatorOptions = {
  /** 0 (default) takes a free one. */
  port?: number;
  seed?: Seed;
  /** Keeps users, keys, sessions and undelivered webhooks there; in memory without it. */
  dataDir?: string;
  version?: LogtoVersion;
  /** Origin under which browsers and servers see it; `http://localhost:<port>` without it. */
  publicUrl?: string;
  /** Made known beside the seed's resources, with the scopes of the first one. */
  apiResource?: string;
  /** A webhook that is subscribed to everything. */
  webhookUrl?: string;
  webhookSigningKey?: string;
  /** Further attempts after a 5xx: 0 (default, as every released Logto does) to 3. */
  webhookRetries?: number;
  clock?: Clock;
  log?: { info(message: string): void };
  /** Whether the process runs in production, where an issuer that signs in anybody has no business. */
  production?: boolean;
};

export type LogtoEmulator = {
  url: string;
  issuer: string;
  port: number;
  mintToken(request: MintRequest): Promise<MintedToken>;
  /** Every faulty token there is, by the name of its fault; for `alice`, or whom `request` names. */
  faultyTokens(request?: MintRequest): Promise<Record<TokenFault, string>>;
  sendWebhook(request: SendWebhook): Promise<Delivery[]>;
  /** Webhooks sent, newest first, with the receivers' answers. */
  deliveries(): Delivery[];
  /** Resolves when no webhook is on its way. */
  settled(): Promise<void>;
  rotateKeys(request?: RotateRequest): Promise<unknown>;
  setClock(offsetSeconds: number): void;
  addFault(rule: FaultRule): { id: number };
  clearFaults(): void;
  requests(): RecordedRequest[];
  state(): unknown;
  /** Back to the seed; server and keys live on. */
  reset(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Starts a Logto for tests on 127.0.0.1: the vendor's own HTTP, strict, with clock, faults and signed webhooks
 * on demand.
 *
 * @throws Error when `production` is true, the port is taken, or another process uses `dataDir`.
 *
 * @example
 * const logto = await startLogtoEmulator({ webhookUrl: 'http://localhost:3000/api/webhooks/logto' });
 * const { token } = await logto.mintToken({ user: 'alice', organization: 'acme' });
 * await logto.close();
 */
export async function startLogtoEmulator(options: LogtoEmulatorOptions = {}): Promise<LogtoEmulator> {
  if (options.production)
    throw new Error('The Logto emulator signs anybody in: it does not run in production.');
  const { seed = demoSeed, version = '1.42' } = options;
  const clock = createEmulatorClock(options.clock);
  const store = openStore({
    ...(options.dataDir === undefined ? {} : { dir: options.dataDir }),
    file: 'logto-emulator.sqlite',
  });
  const directory = openDirectory(store);
  const issued = openIssuedState(store, clock);
  const keys = await openSigningKeys(store, clock);
  let resets = 0;
  const webhooks = createWebhooks({ store, directory, clock, retries: options.webhookRetries ?? 0 });
  const issuedLog = createIssuedLog(clock);
  const closing = new AbortController();
  const background = new Set<Promise<void>>();

  const app = express();
  app.disable('x-powered-by');
  const { port, close } = await listenOnLoopback(app, options.port ?? 0).catch((error: unknown) => {
    store.close();
    throw error;
  });
  const url = (options.publicUrl ?? `http://localhost:${port}`).replace(/\/$/, '');
  const issuer: Issuer = {
    url,
    issuer: `${url}/oidc`,
    version,
    clock,
    store,
    directory,
    keys,
    issued,
    issuedLog,
    webhooks,
    pickable: new Set(seed.users.map(({ id }) => id)),
    generation: () => resets,
    background(work) {
      background.add(work);
      void work.finally(() => background.delete(work));
    },
    closing: closing.signal,
  };
  const plant = (fresh: boolean) => plantEverything(issuer, seed, options, fresh);
  try {
    plant(false);
  } catch (error) {
    // A seed that cannot be used: what listens already would keep its process from ending.
    await close();
    store.close();
    throw error;
  }

  const control: Control = createControl({
    name: 'logto',
    state: () => stateOf(issuer),
    async reset() {
      resets += 1;
      await webhooks.stop();
      // Once more for what began meanwhile: it is cleared away with the rest.
      resets += 1;
      plant(true);
      issuedLog.clear();
    },
    clock,
    extra: createControlRoutes(issuer),
    allowedHosts: [new URL(url).host],
  });
  app.use(control.guardHost, control.recordRequests, control.applyFaults, vendorHeaders, control.router);
  app.use('/oidc', createOidcRouter(issuer));
  app.use('/api', createManagementRouter(issuer));
  app.use(createSignInRoutes(issuer), createInspector(issuer), notEmulated);
  app.use(createFailureAnswer((message) => options.log?.info(message)));
  webhooks.resume();
  options.log?.info(`Logto emulator at ${url}`);

  return {
    url,
    issuer: issuer.issuer,
    port,
    mintToken: (request) => mintToken(issuer, request),
    async faultyTokens(request = { user: 'alice' }) {
      const minted = await Promise.all(
        tokenFaults.map(async (fault) => [fault, (await mintToken(issuer, { ...request, fault })).token]),
      );
      return Object.fromEntries(minted) as Record<TokenFault, string>;
    },
    sendWebhook: async (request) => (await sendWebhook(issuer, request)).map(withParsedBody),
    deliveries: () => webhooks.newestFirst().map(withParsedBody),
    async settled() {
      while (background.size > 0) await Promise.all(background);
      await webhooks.settled();
    },
    rotateKeys: (request) => rotateKeys(issuer, request),
    setClock: clock.setOffset,
    addFault: control.addFault,
    clearFaults: control.clearFaults,
    requests: control.requests,
    state: () => stateOf(issuer),
    reset: control.reset,
    async close() {
      closing.abort();
      control.close();
      await Promise.all([close(), webhooks.stop(), ...background]);
      store.close();
    },
  };
}

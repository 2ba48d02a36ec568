import type { Logger } from 'pino';
import { type Clock, createEmulatorClock } from '../control/emulator-clock.ts';
import { listenOnLoopback } from '../control/listen.ts';
import { demoSeed, type Seed } from '../seed.ts';
import { createApp } from './create-app.ts';
import { createEmulatorState, type EmulatorState } from './emulator-state.ts';
import type { Settings } from './model/environment.ts';
import type { Observer } from './rest/serve-rest.ts';
import type { SeedFacts } from './seed-facts.ts';
import type { SeedPolicy } from './seed-policy.ts';

export type PermitEmulatorOptions = {
  /** 0 (default) takes a free one. */
  port?: number;
  /** People to start with; `demoSeed` when left out. */
  seed?: Seed;
  /** Policy catalogue to start with: resources, roles, condition sets. */
  policy?: SeedPolicy;
  /** Facts to start with instead of `seed`, in the shapes of the API: a JSON file of one's own. */
  facts?: SeedFacts;
  /** Keeps everything in this folder; in memory when left out. */
  dataDir?: string;
  /** Also serves OPA's own path there, which `permitio` with `useOpa` asks on 8181. */
  opaPort?: number;
  /** A second port that is the decision point only: its facts proxy always waits, as the real one does. */
  pdpPort?: number;
  /** How long a change takes from the API to the decision point. */
  propagationDelayMs?: number;
  /** What Permit's public material leaves open. */
  settings?: Partial<Settings> & { compareInstanceTenant?: boolean };
  /** `false`: decisions without their `debug` block. */
  debug?: boolean;
  /** `Host` values beside loopback, with port. */
  allowedHosts?: readonly string[];
  /** `true` refuses to start: an emulator has no place there. */
  production?: boolean;
  /** Is told every call of the REST API with its answer, for example to check both against a document. */
  observe?: Observer;
  clock?: Clock;
  log?: Logger;
};

export type PermitEmulator = {
  url: string;
  port: number;
  /** The decision point's own address; the same as `url` without `pdpPort`. */
  pdpUrl: string;
  opaUrl: string | undefined;
  keys: { environment: string; project: string; organization: string };
  /** Moves the emulator's clock. */
  setClock(offsetSeconds: number): void;
  /** Back to the seed; the server and its keys live on. */
  reset(): Promise<void>;
  state(): EmulatorState;
  close(): Promise<void>;
};

/**
 * Starts a Permit.io on this machine: REST API and decision point on one address.
 *
 * @throws Error in production, when a port is taken, or when `dataDir` belongs to another process.
 *
 * @example
 * const permit = await startPermitEmulator({ policy });
 * new Permit({ token: permit.keys.environment, apiUrl: permit.url, pdp: permit.url });
 */
export async function startPermitEmulator(options: PermitEmulatorOptions = {}): Promise<PermitEmulator> {
  if (options.production) throw new Error('the Permit emulator refuses to run in production');
  const clock = createEmulatorClock(options.clock);
  const state = createEmulatorState({
    clock,
    seed: options.seed ?? demoSeed,
    policy: options.policy,
    facts: options.facts,
    dataDir: options.dataDir,
    propagationDelayMs: options.propagationDelayMs ?? 0,
    settings: {
      duplicateAssignment: 'refuse',
      uniqueEmails: false,
      declaredAttributes: true,
      ...options.settings,
    },
  });
  const app = createApp({
    state,
    clock,
    engineOptions: { compareInstanceTenant: options.settings?.compareInstanceTenant ?? false },
    debug: options.debug ?? true,
    allowedHosts: options.allowedHosts ?? [],
    log: options.log,
    observe: options.observe,
  });

  const servers: Awaited<ReturnType<typeof listenOnLoopback>>[] = [];
  async function close(): Promise<void> {
    app.close();
    state.close();
    await Promise.all(servers.map((server) => server.close()));
    state.closeFiles();
  }
  const listen = async (role: 'both' | 'pdp' | 'opa', port: number) => {
    const server = await listenOnLoopback(app.listener(role), port);
    servers.push(server);
    return server.port;
  };

  try {
    const port = await listen('both', options.port ?? 0);
    const pdpPort = options.pdpPort === undefined ? port : await listen('pdp', options.pdpPort);
    const opaPort = options.opaPort === undefined ? undefined : await listen('opa', options.opaPort);
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      pdpUrl: `http://127.0.0.1:${pdpPort}`,
      opaUrl: opaPort === undefined ? undefined : `http://127.0.0.1:${opaPort}`,
      keys: state.keys,
      setClock: clock.setOffset,
      reset: app.reset,
      state: state.read,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

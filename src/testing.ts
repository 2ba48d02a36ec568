/**
 * The door for tests: a Logto and a Permit.io in this process, in memory, over real HTTP, for any Jest, Vitest or
 * node:test suite.
 *
 * @example
 * import { startEmulators } from 'express-logto-permit/testing';
 */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { credentialsOf } from './embedded/start-emulators.ts';
import { createEmulatorClock, type EmulatorClock } from './emulators/control/emulator-clock.ts';
import { type LogtoEmulator, startLogtoEmulator } from './emulators/logto/emulator.ts';
import type { MintRequest } from './emulators/logto/mint-token.ts';
import type { SendWebhook } from './emulators/logto/send-webhook.ts';
import type { TokenFault } from './emulators/logto/token-faults.ts';
import {
  type PermitEmulator,
  type PermitEmulatorOptions,
  startPermitEmulator,
} from './emulators/permit/start-permit-emulator.ts';
import { demoSeed, emptySeed, type Seed } from './emulators/seed.ts';
import type { LogtoOptions, PermitOptions } from './gate/gate-options.ts';
import type { PolicyInput } from './permission/policy.ts';

export type { LogtoEmulator, MintRequest, PermitEmulator, Seed, SendWebhook, TokenFault };
export { demoSeed, emptySeed };

export type StartEmulatorsOptions = {
  /** Resources and roles that Permit starts with. */
  policy?: PolicyInput;
  /** People to start with; the demo people when left out, `emptySeed` for nobody. */
  seed?: Seed;
  /** Audience of the tokens; `http://localhost:3000/api` when left out. */
  apiResource?: string;
  /** Where the application takes webhooks; see `deliverTo`. */
  webhookPath?: string;
  /** Told of each exchange with Permit's REST API, for suites that check what is sent. */
  observePermit?: PermitEmulatorOptions['observe'];
};

export type TestEmulators = {
  logto: LogtoEmulator;
  permit: PermitEmulator;
  /** What `createGate` takes, whole: `createGate({ ...gate, policy })`. The database is in memory. */
  gate: {
    logto: LogtoOptions;
    permit: PermitOptions;
    database: Record<string, never>;
    baseUrl: string;
    sessionSecrets: string[];
    reconcileEveryMinutes: number;
    rateLimitPerMinute: number;
    clock: EmulatorClock;
  };
  /** A good access token for a person (id, username or e-mail) or, as `{ machine }`, a machine application. */
  tokenFor(
    who: string | { machine: string },
    request?: Omit<MintRequest, 'user' | 'machine'>,
  ): Promise<string>;
  /** One token of every fault there is, by its name. Each must be refused. */
  faultyTokens(who?: string): Promise<Record<TokenFault, string>>;
  /** Sends a signed event to the application; resolves with the deliveries and their answers. */
  sendWebhook(request: SendWebhook): ReturnType<LogtoEmulator['sendWebhook']>;
  /** Names the application that takes the webhooks, also those that a registration causes. */
  deliverTo(app: RequestListener): void;
  /** Moves both emulators, and whatever else was given this clock. */
  clock: EmulatorClock;
  /**
   * Both emulators back to the seed, without a restart: users, tokens' keys and servers live on. A gate keeps its own
   * books: whom it knows as suspended or deleted stays so for it, by design. Use other users for the next test, or
   * another gate.
   */
  reset(): Promise<void>;
  close(): Promise<void>;
};

const SIGNING_KEY = 'a-signing-key-that-only-tests-have';

/**
 * Starts both emulators on free ports. Parallel suites do not meet.
 *
 * @throws Error when `NODE_ENV` is `production`: an issuer that signs in anybody has no business there.
 *
 * @example
 * const emulators = await startEmulators({ policy });
 * const gate = createGate({ ...emulators.gate, policy });
 * const app = createMyApp(gate);
 * emulators.deliverTo(app);
 * await gate.start();
 * await request(app).get('/api/reports').auth(await emulators.tokenFor('alice'), { type: 'bearer' }).expect(200);
 * await gate.stop();
 * await emulators.close();
 */
export async function startEmulators(options: StartEmulatorsOptions = {}): Promise<TestEmulators> {
  if (process.env.NODE_ENV === 'production')
    throw new Error('NODE_ENV is production: the emulators refuse to run there.');
  const { apiResource = 'http://localhost:3000/api', webhookPath = '/api/webhooks/logto' } = options;
  const clock = createEmulatorClock();
  let receiver: RequestListener = (_req, res) => void res.writeHead(503).end();
  const relay = createServer((req, res) => receiver(req, res));
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  relay.unref();
  const baseUrl = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;

  const wanted = options.seed ?? demoSeed;
  const credentials = credentialsOf(wanted);
  const seed = withRedirects(wanted, credentials.app?.id, baseUrl);
  const closeRelay = async () => {
    const closed = once(relay, 'close');
    relay.close();
    relay.closeAllConnections();
    await closed;
  };
  const permit = await startPermitEmulator({
    ...(options.observePermit ? { observe: options.observePermit } : {}),
    seed,
    clock,
    ...(options.policy ? { policy: options.policy } : {}),
  }).catch(async (error: unknown) => {
    await closeRelay();
    throw error;
  });
  const logto = await startLogtoEmulator({
    seed,
    clock,
    apiResource,
    webhookUrl: `${baseUrl}${webhookPath}`,
    webhookSigningKey: SIGNING_KEY,
  }).catch(async (error: unknown) => {
    // What stays open would keep the test runner from ending.
    await Promise.all([permit.close(), closeRelay()]);
    throw error;
  });

  return {
    logto,
    permit,
    gate: {
      logto: {
        endpoint: logto.url,
        apiResource,
        webhookSigningKeys: [SIGNING_KEY],
        // Without such applications: no sessions, and the events' own data decides.
        ...credentials,
      },
      permit: { apiKey: permit.keys.environment, pdpUrl: permit.pdpUrl, apiUrl: permit.url },
      database: {},
      baseUrl,
      sessionSecrets: ['a session secret that only tests have'],
      reconcileEveryMinutes: -1,
      rateLimitPerMinute: 0,
      clock,
    },
    async tokenFor(who, request = {}) {
      const subject = typeof who === 'string' ? { user: who } : who;
      return (await logto.mintToken({ ...request, ...subject })).token;
    },
    faultyTokens: (who = seed.users[0]?.username ?? 'alice') => logto.faultyTokens({ user: who }),
    sendWebhook: logto.sendWebhook,
    deliverTo(app) {
      receiver = app;
    },
    clock,
    async reset() {
      clock.setOffset(0);
      await Promise.all([logto.reset(), permit.reset()]);
    },
    async close() {
      await logto.close();
      await permit.close();
      await closeRelay();
    },
  };
}

/** The application under test lives at an address that no seed could know; what its own says stays. */
function withRedirects(seed: Seed, appId: string | undefined, baseUrl: string): Seed {
  const applications = seed.applications.map((application) =>
    application.id === appId
      ? {
          ...application,
          redirectUris: [...(application.redirectUris ?? []), `${baseUrl}/logto/sign-in-callback`],
          postLogoutRedirectUris: [...(application.postLogoutRedirectUris ?? []), baseUrl, `${baseUrl}/`],
          backchannelLogoutUri: application.backchannelLogoutUri ?? `${baseUrl}/logto/backchannel-logout`,
        }
      : application,
  );
  return { ...seed, applications };
}

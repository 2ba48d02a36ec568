import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../app/config.ts';
import { createApp } from '../app/create-app.ts';
import { gateSettingsOf } from '../app/gate-settings.ts';
import { policy } from '../app/policy.ts';
import { plantDemoReports } from '../app/reports/demo-reports.ts';
import { createReportStore } from '../app/reports/report-store.ts';
import { withEmbedded } from '../app/with-embedded.ts';
import { openDataFolder } from '../embedded/data-folder.ts';
import { keepSecrets } from '../embedded/kept-secrets.ts';
import { letCommandsIn } from '../embedded/let-commands-in.ts';
import { startEmulators } from '../embedded/start-emulators.ts';
import { operationsOf } from '../gate/operations.ts';
import {
  ConfigurationError,
  createGate,
  createGracefulClose,
  createLimitedServer,
  createMetricsServer,
  openDatabase,
  systemClock,
} from '../index.ts';
import { bannerOf } from './banner.ts';
import { answerWhileStarting } from './starting-answer.ts';

export type Application = { url: string; banner: string; close(): Promise<void> };

/**
 * Starts the reference application, and in this process whatever it is not told the address of.
 *
 * @param options.say gets a line for a person while something takes long.
 * @throws ConfigurationError, DatabaseInUse, or what a taken port throws; everything opened is closed again.
 *
 * @example
 * const application = await serve({ config: readConfig(process.env), version: '0.1.0', log, say: console.log });
 * await application.close();
 */
export async function serve(options: {
  config: Config;
  version: string;
  log: Logger;
  say: (line: string) => void;
}): Promise<Application> {
  const { config, version, log, say } = options;
  const startedAtMs = performance.now();
  const closers: (() => Promise<unknown> | unknown)[] = [];
  let endRequests: () => Promise<void> = async () => undefined;
  // Requests under way come to their end first; then backwards: what was opened last goes first.
  const closeAll = async () => {
    await endRequests();
    for (const close of closers.splice(0).reverse()) {
      await Promise.resolve(close()).catch((err: unknown) => log.warn({ err }, 'not closed in order'));
    }
  };
  try {
    return await startAll();
  } catch (error) {
    await closeAll();
    throw error;
  }

  async function startAll(): Promise<Application> {
    const { dataDir, url: databaseUrl } = config.database;
    let listener: RequestListener = answerWhileStarting;
    const server = createLimitedServer((req, res) => listener(req, res));
    let startClosing: () => void = () => undefined;
    const graceful = createGracefulClose(server, {
      onClosing: () => startClosing(),
      // For whoever asks the readiness and sends requests accordingly.
      ...(config.production ? { readinessDelayMs: 1_000, forceAfterMs: 8_000 } : {}),
    });
    const embeds = !databaseUrl || config.logto.emulated || config.permit.emulated;
    if (embeds) openDataFolder(dataDir);
    const port = await listen(server, config.port, config.host);
    endRequests = () => graceful.close();

    const secrets = embeds ? keepSecrets(dataDir) : undefined;
    if (!databaseUrl && !existsSync(join(dataDir, 'database'))) {
      say(`Making the embedded database in ${dataDir} (once, some seconds) …`);
    }
    const database = await openDatabase(databaseUrl ? { url: databaseUrl, log } : { dataDir, log });
    closers.push(() => database.close());

    const baseUrl = config.port === 0 ? config.baseUrl.replace(/:0$/, `:${port}`) : config.baseUrl;
    const emulators = await startEmulators({
      logto: config.logto.emulated ? { port: config.logto.emulatorPort } : undefined,
      permit: config.permit.emulated ? { port: config.permit.emulatorPort } : undefined,
      dataDir,
      defaultTenant: config.permit.defaultTenant,
      policy,
      apiResource: config.logto.apiResources[0] ?? '',
      baseUrl,
      localUrl: `http://${reachable(config.host)}:${port}`,
      webhookSigningKey: config.logto.signingKeys[0] ?? secrets?.webhookSigningKey ?? '',
    });
    closers.push(emulators.close);

    const effective = withEmbedded(config, { baseUrl, ...emulators, secrets });
    const gate = createGate({ ...gateSettingsOf(effective), database, log });
    const app = createApp({ gate, config: effective, version });
    startClosing = () => gate.health.startClosing();
    closers.push(() => gate.stop());
    await gate.start();
    listener = app;
    if (config.logto.emulated && config.permit.emulated) {
      const reports = createReportStore({ database, clock: systemClock });
      // Nobody waits for them to be ready.
      await plantDemoReports(gate, reports, config.permit.defaultTenant).catch((err: unknown) =>
        log.warn({ err }, 'demo reports are not there yet'),
      );
    }
    const metricsUrl = await serveMetrics(gate.metrics);
    if (embeds) await openCommandDoor(gate, effective, baseUrl);
    const tookMs = performance.now() - startedAtMs;
    const banner = bannerOf({ config: effective, version, tookMs, metricsUrl });
    return { url: baseUrl, banner, close: closeAll };
  }

  async function serveMetrics(
    metrics: Parameters<typeof createMetricsServer>[0],
  ): Promise<string | undefined> {
    if (config.metricsPort === undefined) return undefined;
    const server = createMetricsServer(metrics);
    const port = await listen(server, config.metricsPort, config.host);
    closers.push(() => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    });
    return `http://${reachable(config.host)}:${port}/metrics`;
  }

  async function openCommandDoor(
    gate: Parameters<typeof operationsOf>[0],
    effective: Config,
    url: string,
  ): Promise<void> {
    const { endpoint, emulated } = effective.logto;
    const { pdpUrl, apiUrl, apiKey } = effective.permit;
    const door = await letCommandsIn({
      dataDir: config.database.dataDir,
      operations: operationsOf(gate),
      about: {
        url,
        logto: { endpoint, emulated },
        // A real key stays where the operator keeps it.
        permit: {
          pdpUrl,
          apiUrl,
          emulated: effective.permit.emulated,
          ...(effective.permit.emulated ? { apiKey } : {}),
        },
      },
      startedAtMs: systemClock.now(),
      log,
    });
    closers.push(() => door.stop());
  }
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && syscall !== 'getaddrinfo') throw error;
    throw new ConfigurationError([
      `HOST ${host} is no address of this machine: 127.0.0.1 is for this machine alone, 0.0.0.0 for every address that it has. Example: HOST=127.0.0.1`,
    ]);
  }
  return (server.address() as AddressInfo).port;
}

/** All addresses of the machine are reached over its loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

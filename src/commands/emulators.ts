import { once } from 'node:events';
import { z } from 'zod';
import { policy } from '../app/policy.ts';
import { openDataFolder } from '../embedded/data-folder.ts';
import { credentialsOf } from '../embedded/start-emulators.ts';
import { startLogtoEmulator } from '../emulators/logto/emulator.ts';
import { startPermitEmulator } from '../emulators/permit/start-permit-emulator.ts';
import type { Seed } from '../emulators/seed.ts';
import { ConfigurationError } from '../index.ts';
import { type Command, type CommandContext, UsageError } from './command.ts';
import { readSeed } from './emulator-seed.ts';
import { readEnvironment } from './read-environment.ts';
import { readParameters, wholeNumber } from './read-parameters.ts';

export const emulatorsCommand: Command = {
  summary: 'both emulators alone, for another application',
  help: `Usage: logto-permit emulators [--logto-port N] [--permit-port N] [--opa-port N] [--seed demo|empty|FILE]
                              [--logto-version 1.41|1.42] [--propagation-delay-ms N] [--data DIR]
                              [--webhook-url URL] [--api-resource INDICATOR]

Starts a Logto (3001, or LOGTO_EMULATOR_PORT) and a Permit.io (7766, or PERMIT_EMULATOR_PORT) on this machine, in
memory unless --data names a folder. Port 0 takes a free one. --seed empty: no users, and Permit has only the tenant "default"; a FILE is JSON in the seed's shape.
--webhook-url subscribes an application to everything; its signing key is printed.

Exit: 0 ended by a signal, 1 a port is taken, 2 used wrongly.`,

  async run(parameters, context) {
    const { values } = readParameters(parameters, {
      'logto-port': { type: 'string' },
      'permit-port': { type: 'string' },
      'opa-port': { type: 'string' },
      seed: { type: 'string' },
      'logto-version': { type: 'string' },
      'propagation-delay-ms': { type: 'string' },
      data: { type: 'string' },
      'webhook-url': { type: 'string' },
      'api-resource': { type: 'string' },
    });
    const version = values['logto-version'] ?? '1.42';
    if (version !== '1.41' && version !== '1.42')
      throw new UsageError(`--logto-version is 1.41 or 1.42, not "${version}"`);
    const env = readEnvironment(context.env);
    // As the application takes them, so that one .env does for both.
    const { LOGTO_EMULATOR_PORT, PERMIT_EMULATOR_PORT } = env;
    const logtoPort =
      wholeNumber('logto-port', values['logto-port'] ?? (LOGTO_EMULATOR_PORT || undefined), 0, 65_535) ??
      3001;
    const permitPort =
      wholeNumber('permit-port', values['permit-port'] ?? (PERMIT_EMULATOR_PORT || undefined), 0, 65_535) ??
      7766;
    const opaPort = wholeNumber('opa-port', values['opa-port'], 0, 65_535);
    const delayMs = wholeNumber('propagation-delay-ms', values['propagation-delay-ms'], 0, 600_000);
    const seed = readSeed(values.seed ?? 'demo');
    const kept = values.data === undefined ? {} : { dataDir: values.data };
    if (env.NODE_ENV === 'production') {
      throw new ConfigurationError([
        'NODE_ENV is production: the emulators refuse to run there. Example: NODE_ENV=development',
      ]);
    }
    if (values.data !== undefined) openDataFolder(values.data);

    const permit = await startPermitEmulator({
      port: permitPort,
      seed,
      ...(seed.users.length > 0 ? { policy } : {}),
      ...(opaPort === undefined ? {} : { opaPort }),
      ...(delayMs === undefined ? {} : { propagationDelayMs: delayMs }),
      ...kept,
    });
    const logto = await startLogtoEmulator({
      port: logtoPort,
      seed,
      version,
      ...(values['webhook-url'] === undefined ? {} : { webhookUrl: values['webhook-url'] }),
      ...(values['api-resource'] === undefined ? {} : { apiResource: values['api-resource'] }),
      ...kept,
    }).catch(async (error: unknown) => {
      await permit.close();
      throw error;
    });
    announce(context, {
      logtoUrl: logto.url,
      permitUrl: permit.url,
      opaUrl: permit.opaUrl,
      keys: permit.keys,
      seed,
      apiResource: values['api-resource'],
      signingKeys: signingKeysOf(logto.state(), values['webhook-url']),
    });
    if (!context.signal.aborted) await once(context.signal, 'abort');
    await Promise.all([logto.close(), permit.close()]);
    return 0;
  },
};

function announce(
  context: CommandContext,
  found: {
    logtoUrl: string;
    permitUrl: string;
    opaUrl: string | undefined;
    keys: Record<string, string>;
    seed: Seed;
    apiResource: string | undefined;
    signingKeys: readonly string[];
  },
): void {
  const { logtoUrl, permitUrl, opaUrl, keys, seed, apiResource, signingKeys } = found;
  context.out(`Logto     ${logtoUrl}`);
  context.out(`Permit.io ${permitUrl}${opaUrl ? `, OPA ${opaUrl}` : ''}`);
  context.out('');
  context.out('Variables for an application that uses them:');
  context.out(`LOGTO_ENDPOINT=${logtoUrl}`);
  const { app, management } = credentialsOf(seed);
  if (app) {
    context.out(`LOGTO_APP_ID=${app.id}`);
    context.out(`LOGTO_APP_SECRET=${app.secret}`);
  }
  if (management) {
    context.out(`LOGTO_M2M_APP_ID=${management.appId}`);
    context.out(`LOGTO_M2M_APP_SECRET=${management.appSecret}`);
  }
  const resource = apiResource ?? Object.keys(seed.apiResources)[0];
  if (resource !== undefined) context.out(`LOGTO_API_RESOURCE=${resource}`);
  context.out(
    signingKeys.length > 0
      ? `LOGTO_WEBHOOK_SIGNING_KEYS=${signingKeys.join(',')}`
      : '# LOGTO_WEBHOOK_SIGNING_KEYS: with --webhook-url http://localhost:3000/api/webhooks/logto the key stands here',
  );
  context.out(`PERMIT_API_KEY=${keys.environment}`);
  context.out(`PERMIT_API_URL=${permitUrl}`);
  context.out(`PERMIT_PDP_URL=${permitUrl}`);
}

const stateShape = z.object({
  hooks: z.array(z.object({ config: z.object({ url: z.string() }), signingKey: z.string() })),
});

/** Made at the first start, and known to the emulator alone until it is told here. */
function signingKeysOf(state: unknown, webhookUrl: string | undefined): string[] {
  const { hooks } = stateShape.parse(state);
  return hooks.filter(({ config }) => config.url === webhookUrl).map(({ signingKey }) => signingKey);
}

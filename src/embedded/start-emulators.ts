import { startLogtoEmulator } from '../emulators/logto/emulator.ts';
import { type PermitEmulator, startPermitEmulator } from '../emulators/permit/start-permit-emulator.ts';
import { demoSeed, type Seed } from '../emulators/seed.ts';
import type { PolicyInput } from '../permission/policy.ts';

export type EmulatorsWanted = {
  logto?: { port: number } | undefined;
  permit?: { port: number } | undefined;
  /** Kept there; in memory without it. */
  dataDir?: string | undefined;
  defaultTenant: string;
  policy: PolicyInput;
  apiResource: string;
  /** Origin under which browsers see the application, and where this machine reaches it. */
  baseUrl: string;
  localUrl: string;
  webhookSigningKey: string;
};

/** How the application reaches what was started; the same members as in its configuration. */
export type EmbeddedLogto = {
  endpoint: string;
  app: { id: string; secret: string };
  management: { appId: string; appSecret: string; resource: string };
};
export type EmbeddedPermit = { apiKey: string; pdpUrl: string; apiUrl: string };
export type Emulators = {
  logto: EmbeddedLogto | undefined;
  permit: EmbeddedPermit | undefined;
  close(): Promise<void>;
};

/** Ids and secrets of the seed's own applications; the emulators answer loopback only. */
export const seedLogto: Omit<EmbeddedLogto, 'endpoint'> = {
  app: { id: 'webapp00000000000000a', secret: 'webapp-secret' },
  management: {
    appId: 'management0000000000a',
    appSecret: 'management-secret',
    resource: 'https://default.logto.app/api',
  },
};

/** The credentials that a seed's own applications give; without such an application there is none. */
export function credentialsOf(seed: Seed): Partial<Omit<EmbeddedLogto, 'endpoint'>> {
  const app = seed.applications.find(({ type, secret }) => type === 'Traditional' && secret !== undefined);
  const management = seed.applications.find(({ managementApi }) => managementApi);
  const { resource } = seedLogto.management;
  return {
    ...(app?.secret ? { app: { id: app.id, secret: app.secret } } : {}),
    ...(management?.secret
      ? { management: { appId: management.id, appSecret: management.secret, resource } }
      : {}),
  };
}

/**
 * Starts what has no address of its own: a Logto and a Permit.io on this machine, with the demo people.
 *
 * @throws Error when a port is taken or another process has the folder.
 */
export async function startEmulators(wanted: EmulatorsWanted): Promise<Emulators> {
  const { logto, permit, dataDir } = wanted;
  const kept = dataDir === undefined ? {} : { dataDir };
  const seed = seedOf(wanted);
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    await Promise.all(closers.splice(0).map((end) => end()));
  };
  try {
    const permitEmulator: PermitEmulator | undefined =
      permit && (await startPermitEmulator({ port: permit.port, seed, policy: wanted.policy, ...kept }));
    if (permitEmulator) closers.push(permitEmulator.close);
    const logtoEmulator =
      logto &&
      (await startLogtoEmulator({
        port: logto.port,
        seed,
        apiResource: wanted.apiResource,
        webhookUrl: `${wanted.localUrl}/api/webhooks/logto`,
        webhookSigningKey: wanted.webhookSigningKey,
        ...kept,
      }));
    if (logtoEmulator) closers.push(logtoEmulator.close);
    return {
      logto: logtoEmulator && { endpoint: logtoEmulator.url, ...seedLogto },
      permit: permitEmulator && {
        apiKey: permitEmulator.keys.environment,
        pdpUrl: permitEmulator.pdpUrl,
        apiUrl: permitEmulator.url,
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The demo's web application lives wherever this application does. */
function seedOf({ defaultTenant, baseUrl, localUrl }: EmulatorsWanted): Seed {
  const applications = demoSeed.applications.map((application) =>
    application.id === seedLogto.app.id
      ? {
          ...application,
          redirectUris: [`${baseUrl}/logto/sign-in-callback`],
          postLogoutRedirectUris: [baseUrl, `${baseUrl}/`],
          backchannelLogoutUri: `${localUrl}/logto/backchannel-logout`,
        }
      : application,
  );
  return { ...demoSeed, defaultTenant, applications };
}

import { startLogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import { demoSeed } from '../../src/emulators/seed.ts';

/** The Logto emulator, with the reference web application registered at `baseUrl`. */
export function startEmulatorFor(baseUrl: string, more: { backchannel?: boolean } = {}) {
  return startLogtoEmulator({
    seed: {
      ...demoSeed,
      applications: demoSeed.applications.map((application) =>
        application.type !== 'Traditional'
          ? application
          : {
              ...application,
              redirectUris: [`${baseUrl}/logto/sign-in-callback`],
              postLogoutRedirectUris: [baseUrl],
              ...(more.backchannel ? { backchannelLogoutUri: `${baseUrl}/logto/backchannel-logout` } : {}),
            },
      ),
    },
  });
}

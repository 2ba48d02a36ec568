import { demoSeed, type Seed, type SeedApplication } from '../../src/emulators/seed.ts';

/** The demo seed, with the addresses of an application that listens at `origin`. */
export function seedFor(origin: string): Seed {
  const at = (application: SeedApplication): SeedApplication =>
    application.type === 'MachineToMachine'
      ? application
      : {
          ...application,
          redirectUris: [`${origin}/logto/sign-in-callback`, `${origin}/callback`],
          postLogoutRedirectUris: [origin, `${origin}/`],
        };
  return { ...demoSeed, applications: demoSeed.applications.map(at) };
}

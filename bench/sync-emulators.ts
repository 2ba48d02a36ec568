import { startLogtoEmulator } from '../src/emulators/logto/emulator.ts';
import { startPermitEmulator } from '../src/emulators/permit/start-permit-emulator.ts';
import { demoSeed, emptySeed, type Seed } from '../src/emulators/seed.ts';
import { benchUserId } from './bench-user.ts';
import { childOptions, sayReady } from './child.ts';

export type EmulatorsOptions = {
  only: 'logto' | 'permit';
  users: number;
  webhookUrl?: string;
  webhookSigningKey?: string;
};

const { only, users, webhookUrl, webhookSigningKey } = childOptions<EmulatorsOptions>();

const seed: Seed = {
  ...emptySeed,
  applications: demoSeed.applications,
  organizations: [{ id: 'acme00000000', name: 'acme', members: {} }],
  users: Array.from({ length: users }, (_, i) => ({
    id: benchUserId(i),
    username: `user${i}`,
    name: `User Number${i}`,
    primaryEmail: `user${i}@example.com`,
    password: 'password',
    ...(i % 10 === 0 ? { role: 'editor' } : {}),
  })),
};

if (only === 'logto') {
  const logto = await startLogtoEmulator({
    seed,
    ...(webhookUrl ? { webhookUrl } : {}),
    ...(webhookSigningKey ? { webhookSigningKey } : {}),
  });
  sayReady({ url: logto.url });
} else {
  const policy = {
    resources: { reports: { actions: ['view', 'edit'] } },
    roles: {
      admin: ['reports:view', 'reports:edit'],
      editor: ['reports:view', 'reports:edit'],
      viewer: ['reports:view'],
    },
  };
  const permit = await startPermitEmulator({ seed: emptySeed, policy, debug: false });
  sayReady({ url: permit.url, key: permit.keys.environment });
}
// The emulators do not keep a process alive by themselves.
setInterval(() => {}, 60_000);

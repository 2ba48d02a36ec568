import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { demoSeed, emptySeed, type Seed } from '../emulators/seed.ts';
import { UsageError } from './command.ts';

const text = z.string().min(1);
const user = z.strictObject({
  id: text.regex(/^[A-Za-z0-9_-]{1,21}$/, 'is not a Logto id'),
  username: text,
  name: z.string(),
  primaryEmail: z.string(),
  password: text,
  isSuspended: z.boolean().exactOptional(),
  role: text.exactOptional(),
});
const application = z.strictObject({
  id: text.regex(/^[A-Za-z0-9_-]{1,21}$/, 'is not a Logto id'),
  name: text,
  secret: text.exactOptional(),
  type: z.enum(['Traditional', 'SPA', 'Native', 'MachineToMachine']),
  redirectUris: z.array(text).exactOptional(),
  postLogoutRedirectUris: z.array(text).exactOptional(),
  backchannelLogoutUri: text.exactOptional(),
  managementApi: z.boolean().exactOptional(),
  role: text.exactOptional(),
});
const organization = z.strictObject({
  id: text.regex(/^[A-Za-z0-9_-]{1,21}$/, 'is not a Logto id'),
  name: text,
  description: z.string().exactOptional(),
  members: z.record(text, z.array(text)),
});
const hook = z.strictObject({
  name: text,
  url: z.url(),
  signingKey: text,
  events: z.array(text).exactOptional(),
});

/** What is left out is as in `emptySeed`. */
const seedFile = z
  .strictObject({
    defaultTenant: text.default(emptySeed.defaultTenant),
    roles: z.array(text).default([...emptySeed.roles]),
    users: z.array(user).default([]),
    organizations: z.array(organization).default([]),
    applications: z.array(application).default([]),
    apiResources: z.record(text, z.array(text)).default({ 'http://localhost:3000/api': ['read:reports'] }),
    hooks: z.array(hook).default([]),
  })
  .superRefine((seed, context) => {
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const known = new Set([
      ...seed.users.map(({ username }) => username),
      ...seed.applications.map(({ id }) => id),
    ]);
    const isRole = (name: string) => seed.roles.includes(name);
    for (const part of ['users', 'applications'] as const) {
      seed[part].forEach(({ role }, index) => {
        if (role !== undefined && !isRole(role)) wrong([part, index, 'role'], `"${role}" is none of roles`);
      });
    }
    seed.organizations.forEach(({ members }, index) => {
      for (const [name, roles] of Object.entries(members)) {
        const path = ['organizations', index, 'members', name];
        if (!known.has(name)) wrong(path, 'is no username and no id of an application');
        for (const role of roles) if (!isRole(role)) wrong(path, `"${role}" is none of roles`);
      }
    });
  });

/**
 * The people of `--seed`: `demo`, `empty`, or a JSON file in the shape of the seed.
 *
 * @throws UsageError with everything that is wrong with the file.
 */
export function readSeed(name: string): Seed {
  if (name === 'demo') return demoSeed;
  if (name === 'empty') return emptySeed;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(name, 'utf8'));
  } catch (error) {
    throw new UsageError(`--seed ${name} cannot be read: ${(error as Error).message}`);
  }
  const parsed = seedFile.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `  - ${path.join('.') || 'seed'}: ${message}`,
  );
  throw new UsageError(`--seed ${name} is not a seed:\n${problems.join('\n')}`);
}

/**
 * What both emulators start from. Logto and Permit know the same people, so that the embedded application is
 * whole at once; `emptySeed` has nobody, and Permit only the tenant `default`.
 */
export type SeedUser = {
  id: string;
  username: string;
  name: string;
  primaryEmail: string;
  password: string;
  isSuspended?: boolean;
  /** Role in the default tenant (a global role at Logto), if any. */
  role?: string;
};

export type SeedOrganization = {
  id: string;
  name: string;
  description?: string;
  /** Username or machine application id → organization role names. */
  members: Readonly<Record<string, readonly string[]>>;
};

export type SeedApplication = {
  id: string;
  name: string;
  secret?: string;
  type: 'Traditional' | 'SPA' | 'Native' | 'MachineToMachine';
  redirectUris?: readonly string[];
  postLogoutRedirectUris?: readonly string[];
  backchannelLogoutUri?: string;
  /** Management API access (machine applications). */
  managementApi?: boolean;
  /** Role in the default tenant (machine applications). */
  role?: string;
};

export type SeedHook = { name: string; url: string; signingKey: string; events?: readonly string[] };

export type Seed = {
  defaultTenant: string;
  /** Role names known to Logto (global and organization roles alike) and to Permit. */
  roles: readonly string[];
  users: readonly SeedUser[];
  organizations: readonly SeedOrganization[];
  applications: readonly SeedApplication[];
  /** API resources at Logto: indicator → scopes. */
  apiResources: Readonly<Record<string, readonly string[]>>;
  hooks: readonly SeedHook[];
};

const person = (username: string, name: string, role: string | undefined, isSuspended = false): SeedUser => ({
  // Logto's ids are twelve lower-case letters and digits; these are readable and stable from start to start.
  id: username.padEnd(12, '0'),
  username,
  name,
  primaryEmail: `${username}@example.com`,
  password: 'password',
  isSuspended,
  ...(role ? { role } : {}),
});

/** The people of the README: alice, bob, carol in acme; dave alone; erin in globex; mallory suspended. */
export const demoSeed: Seed = {
  defaultTenant: 'default',
  roles: ['admin', 'editor', 'viewer'],
  users: [
    person('alice', 'Alice Archer', 'admin'),
    person('bob', 'Bob Baker', 'editor'),
    person('carol', 'Carol Cooper', 'viewer'),
    person('dave', 'Dave Dyer', 'viewer'),
    person('erin', 'Erin Ellis', undefined),
    person('mallory', 'Mallory Moss', undefined, true),
  ],
  organizations: [
    {
      id: 'acme00000000',
      name: 'acme',
      description: 'Acme Inc.',
      members: { alice: ['admin'], bob: ['editor'], carol: ['viewer'] },
    },
    { id: 'globex000000', name: 'globex', description: 'Globex Corp.', members: { erin: ['admin'] } },
  ],
  applications: [
    {
      id: 'reporter000000000000a',
      name: 'reporter',
      secret: 'reporter-secret',
      type: 'MachineToMachine',
      role: 'viewer',
    },
    {
      id: 'management0000000000a',
      name: 'Management API access',
      secret: 'management-secret',
      type: 'MachineToMachine',
      managementApi: true,
    },
    {
      id: 'webapp00000000000000a',
      name: 'Reference web application',
      secret: 'webapp-secret',
      type: 'Traditional',
      redirectUris: ['http://localhost:3000/logto/sign-in-callback'],
      postLogoutRedirectUris: ['http://localhost:3000', 'http://localhost:3000/'],
    },
    {
      id: 'spa000000000000000000',
      name: 'Single page application',
      type: 'SPA',
      redirectUris: ['http://localhost:5173/callback'],
      postLogoutRedirectUris: ['http://localhost:5173'],
    },
  ],
  apiResources: { 'http://localhost:3000/api': ['read:reports', 'write:reports'] },
  hooks: [],
};

export const emptySeed: Seed = { ...demoSeed, users: [], organizations: [], applications: [], hooks: [] };

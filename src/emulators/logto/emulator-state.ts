import type { Issuer } from './issuer.ts';
import { publicUser } from './webhooks/payloads.ts';

/** Everything that the emulator holds, without private keys, password hashes and usable tokens. */
export function stateOf(issuer: Issuer) {
  const { directory, issued, keys, webhooks, store } = issuer;
  return {
    issuer: issuer.issuer,
    version: issuer.version,
    users: directory.users.all().map(({ password, roleIds, organizations, ...user }) => ({
      ...publicUser({ password, roleIds, organizations, ...user }),
      hasPassword: password !== null,
      roleIds,
      organizations,
    })),
    roles: directory.roles.all(),
    organizations: directory.organizations.all(),
    organizationRoles: directory.organizationRoles.all(),
    organizationScopes: directory.organizationScopes.all(),
    resources: directory.resources.all(),
    scopes: directory.scopes.all(),
    applications: directory.applications.all(),
    hooks: directory.hooks.all(),
    keys: keys.list().map((key, index) => ({ ...key, kid: keys.all()[index]?.kid })),
    sessions: issued.sessions.all().map(({ userId, createdAt, expiresAt, sids }) => ({
      userId,
      createdAt,
      expiresAt,
      applications: Object.keys(sids),
    })),
    grants: issued.grants.all(),
    refreshTokens: issued.refreshTokens
      .all()
      .map(({ id: _id, grantId: _grant, ...token }) => ({ ...token, grantLives: issued.grantLives(_grant) })),
    issuedTokens: issuer.issuedLog.newestFirst(),
    deliveries: webhooks.newestFirst(),
    counts: Object.fromEntries(store.collections().map((name) => [name, store.count(name)])),
  };
}

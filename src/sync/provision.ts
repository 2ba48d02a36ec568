import type { Logger } from 'pino';
import type { Principal } from '../auth/principal.ts';
import type { Clock } from '../clock.ts';
import type { ApplySubject } from './apply-subject.ts';
import { asOutage } from './directory-error.ts';
import type { Directory, IdentitySource } from './ports.ts';
import { type Reading, readPresentUser } from './present-user.ts';
import { createProvisionBudget } from './provision-budget.ts';
import type { RoleNames } from './role-names.ts';
import { FencedOut } from './save-subject.ts';
import { unknownSubject } from './subject-record.ts';
import type { SubjectStore } from './subject-store.ts';

export type ProvisionOptions = {
  store: SubjectStore;
  directory: Directory;
  identities: IdentitySource | undefined;
  roleNames: RoleNames | undefined;
  apply: ApplySubject;
  defaults: { tenant: string; role: string };
  touch(subject: string): Promise<void>;
  clock: Clock;
  log: Logger;
};

const registered: Reading = {
  wanted: { state: 'active', registered: true, registration: true, left: [] },
  tenants: new Map(),
  memberships: [],
  markMs: 0,
  stale: false,
};

/** A user of whom the books say that work began this recently may be waited for. */
const FRESH_MS = 10_000;
const WAIT_MS = 1_000;

/**
 * Makes a user whose first request is faster than the webhook. Only somebody of whom nothing is known: no
 * tombstone, no suspension, no book and no entry in the directory. The webhook that follows finds it done.
 *
 * Resolves to `true` when it is worth asking the PDP once more.
 *
 * @throws UpstreamUnavailable when Logto (where a Management API is configured) or the directory cannot say
 */
export function createProvision(options: ProvisionOptions) {
  const { store, directory, identities, roleNames, apply, defaults, touch, clock } = options;
  const budget = createProvisionBudget({ clock });
  const running = new Map<string, Promise<boolean>>();

  async function waitFor(sub: string): Promise<boolean> {
    for (const until = performance.now() + WAIT_MS; performance.now() < until; ) {
      const record = await store.record(`user:${sub}`);
      if (record.settled) return record.state === 'active';
      await new Promise((resolve) => setTimeout(resolve, 25).unref());
    }
    return false;
  }

  async function read(sub: string): Promise<Reading | undefined> {
    if (!identities || !roleNames) return registered;
    const reading = await readPresentUser({
      userId: sub,
      letters: [],
      identities,
      roleNames,
      memberships: [],
      defaultTenant: defaults.tenant,
      nowMs: clock.now(),
    });
    if (reading?.wanted.state !== 'active') return undefined;
    return { ...reading, wanted: { ...reading.wanted, registration: true } };
  }

  async function attempt(sub: string): Promise<boolean> {
    const id = `user:${sub}`;
    const age = await store.ageMs(id);
    if (age !== undefined) {
      if (age > FRESH_MS) budget.refuse(sub);
      return age <= FRESH_MS && waitFor(sub);
    }
    if (!budget.take()) return false;
    const reading = await read(sub);
    const known = reading && (await directory.getUser(sub));
    if (!reading || known) {
      budget.refuse(sub);
      // Somebody the directory knew before us: the worker books him, from the present state.
      if (known) await touch(id);
      return false;
    }
    if (!(await store.claim(id))) return waitFor(sub);
    try {
      await apply({
        id,
        key: sub,
        sub,
        record: { ...unknownSubject(id), known: true },
        grants: [],
        present: undefined,
        reading,
        holder: { fence: 0, holdsLease: async () => true },
        changedAtMs: undefined,
        suspendedAtMs: undefined,
      });
      return true;
    } catch (error) {
      // Whatever was written here last is looked at again.
      await touch(id);
      // The webhook's worker has come: what it read is newer than what was read here.
      if (error instanceof FencedOut) return waitFor(sub);
      throw error;
    }
  }

  return async function provision(principal: Principal): Promise<boolean> {
    const { sub, kind } = principal;
    if (kind !== 'user' || budget.isRefused(sub)) return false;
    let attempting = running.get(sub);
    if (!attempting) {
      attempting = attempt(sub).finally(() => running.delete(sub));
      running.set(sub, attempting);
    }
    try {
      return await attempting;
    } catch (error) {
      throw asOutage(error);
    }
  };
}

import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { IdentitySource } from './ports.ts';
import { createRoleMap, type RoleMap } from './role-map.ts';

export type RoleMaps = { global: RoleMap; organization: RoleMap };

const FRESH_MS = 30_000;

/**
 * Which Logto role names stand for which role of the policy. All names have to be known to see that two of them
 * collide, so the lists are read from Logto and kept for half a minute.
 */
export function createRoleNames(options: {
  identities: IdentitySource;
  roleKeys: readonly string[];
  clock: Clock;
  log: Logger;
}) {
  const { identities, roleKeys, clock, log } = options;
  let held: { maps: RoleMaps; known: Set<string>; atMs: number } | undefined;
  let reading: Promise<void> | undefined;
  let reported = '';

  async function read(): Promise<void> {
    const [global, organization] = await Promise.all([identities.roles(), identities.organizationRoles()]);
    const names = { global: global.map((r) => r.name), organization: organization.map((r) => r.name) };
    const maps = {
      global: createRoleMap(names.global, roleKeys),
      organization: createRoleMap(names.organization, roleKeys),
    };
    held = { maps, known: new Set([...names.global, ...names.organization]), atMs: clock.now() };
    const conflicts = [...maps.global.conflicts, ...maps.organization.conflicts];
    const text = JSON.stringify(conflicts);
    if (conflicts.length > 0 && text !== reported) {
      log.warn({ conflicts }, 'role names of Logto share a slug and map to no role');
    }
    reported = text;
  }

  return {
    /** Reads again when the list is old, when a name is not in it, or when asked to. */
    async maps(names: readonly string[] = [], fresh = false): Promise<RoleMaps> {
      const good =
        held && !fresh && clock.now() - held.atMs < FRESH_MS && names.every((name) => held?.known.has(name));
      if (!good || !held) {
        reading ??= read().finally(() => {
          reading = undefined;
        });
        await reading;
      }
      if (!held) throw new Error('role names were not read');
      return held.maps;
    },
  };
}

export type RoleNames = ReturnType<typeof createRoleNames>;

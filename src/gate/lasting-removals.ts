import type { Database } from '../database/database.ts';
import type { Assignment, Directory } from '../sync/ports.ts';

/**
 * The directory of an application whose removals last: an assignment taken from somebody who is suspended also
 * leaves what the end of the suspension gives back.
 */
export function lastingRemovals(directory: Directory, database: Database): Directory {
  /** True when sync may be giving back at this moment what is being taken. */
  async function forget(assignments: readonly Assignment[]): Promise<boolean> {
    const { rows } = await database.query<{ moving: boolean }>(
      `update elp.sync_subject s set removals = removals + 1, snapshot = case when s.snapshot is not null then (
         select coalesce(jsonb_agg(held), '[]'::jsonb) from jsonb_array_elements(s.snapshot) held
         where not exists (
           select from jsonb_to_recordset($1::jsonb) as r("user" text, role text, tenant text, "resourceInstance" text)
           where r."user" = s.user_key and r.role = held->>'role' and r.tenant = held->>'tenant'
             and r."resourceInstance" is not distinct from held->>'resourceInstance')) end
       where s.user_key in (select r."user" from jsonb_to_recordset($1::jsonb) as r("user" text))
       returning s.snapshot is not null or not s.settled as moving`,
      [JSON.stringify(assignments)],
    );
    return rows.some(({ moving }) => moving);
  }
  return {
    ...directory,
    // The directory first: what it refuses has not been taken away.
    async unassign(assignment) {
      await directory.unassign(assignment);
      // Given back between the two: from here on sync knows of it and gives it no more.
      if (await forget([assignment])) await directory.unassign(assignment);
    },
    async unassignMany(assignments) {
      await directory.unassignMany(assignments);
      if (await forget(assignments)) await directory.unassignMany(assignments);
    },
  };
}

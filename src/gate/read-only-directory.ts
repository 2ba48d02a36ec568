import { UpstreamUnavailable } from '../errors.ts';
import type { Directory } from '../sync/ports.ts';

/**
 * Reads as ever and writes nothing: for an environment that this process must not change. A write is an outage
 * to whoever asked for it, so that nobody is told that it was done.
 */
export function readOnlyDirectory(directory: Directory): Directory {
  async function refuse(): Promise<never> {
    throw new UpstreamUnavailable('permit', 'this process may not write', { logCode: 'permit_read_only' });
  }
  return {
    ...directory,
    syncUser: refuse,
    deleteUser: refuse,
    upsertTenant: refuse,
    deleteTenant: refuse,
    assign: refuse,
    unassign: refuse,
    createInstance: refuse,
    deleteInstance: refuse,
    syncUsers: refuse,
    assignMany: refuse,
    unassignMany: refuse,
  };
}

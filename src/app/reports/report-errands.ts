import type { Gate, PolicyInput } from '../../index.ts';
import { requireMember } from '../members/require-member.ts';
import type { ReportStore } from './report-store.ts';

export type ReportPayload = { id: string; tenant: string; ownerId: string };
export type SharePayload = { id: string; tenant: string; userId: string };

/** Sharing and its end, in the order in which they were asked for. */
export const shareTopicOf = (id: string, userId: string): string => `share ${id} ${userId}`;

/** What is written here and at Permit: each kind ends whole on both sides, or on neither. */
export function registerReportErrands(
  gate: Pick<Gate<PolicyInput>, 'outbox' | 'directory' | 'members' | 'forgetDecisions'>,
  store: ReportStore,
): void {
  const { outbox, directory, members, forgetDecisions } = gate;
  const instanceOf = (id: string) => `reports:${id}`;

  outbox.register<ReportPayload>('report-created', {
    async do({ id, tenant, ownerId }) {
      await directory.createInstance({ type: 'reports', key: id, tenant });
      await directory.assign({ user: ownerId, role: 'owner', tenant, resourceInstance: instanceOf(id) });
      await forgetDecisions({ user: ownerId, tenant });
    },
    undo: ({ id }) => directory.deleteInstance({ type: 'reports', key: id }),
    done: ({ id }, tx) => store.setVisible(tx, id, true),
    undone: ({ id }, tx) => store.remove(tx, id),
  });

  // A deletion that has begun never comes back: giving up means trying the same again.
  const forget = ({ id }: ReportPayload) => directory.deleteInstance({ type: 'reports', key: id });
  outbox.register<ReportPayload>('report-deleted', {
    do: forget,
    undo: forget,
    done: ({ id }, tx) => store.remove(tx, id),
    undone: ({ id }, tx) => store.remove(tx, id),
  });

  const readerOf = ({ id, tenant, userId }: SharePayload) => ({
    user: userId,
    role: 'reader',
    tenant,
    resourceInstance: instanceOf(id),
  });
  async function share(payload: SharePayload): Promise<void> {
    await requireMember(members, payload.userId, payload.tenant);
    await directory.assign(readerOf(payload), { onlyExisting: true });
    await forgetDecisions({ user: payload.userId, tenant: payload.tenant });
  }
  async function unshare(payload: SharePayload): Promise<void> {
    await directory.unassign(readerOf(payload));
    await forgetDecisions({ user: payload.userId, tenant: payload.tenant });
  }
  outbox.register<SharePayload>('report-shared', {
    do: share,
    undo: unshare,
    done: ({ userId, tenant }, tx) => members.confirmGrant(tx, { user: userId, tenant }),
  });
  outbox.register<SharePayload>('report-unshared', { do: unshare, undo: unshare });
}

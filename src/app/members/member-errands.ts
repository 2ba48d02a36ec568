import type { Gate, PolicyInput } from '../../index.ts';
import { requireMember } from './require-member.ts';

export type RolePayload = { user: string; tenant: string; role: string };

/** Giving a role and taking it, in the order in which they were asked for. */
export const roleTopicOf = ({ user, tenant, role }: RolePayload): string => `role ${tenant} ${user} ${role}`;

/** A tenant role given or taken by an administrator of the application. */
export function registerMemberErrands(
  gate: Pick<Gate<PolicyInput>, 'outbox' | 'directory' | 'members' | 'forgetDecisions'>,
): void {
  const { outbox, directory, members, forgetDecisions } = gate;

  async function give(grant: RolePayload): Promise<void> {
    await requireMember(members, grant.user, grant.tenant);
    await directory.assign(grant);
    await forgetDecisions({ user: grant.user, tenant: grant.tenant });
  }
  async function take(grant: RolePayload): Promise<void> {
    await directory.unassign(grant);
    await forgetDecisions({ user: grant.user, tenant: grant.tenant });
  }
  outbox.register<RolePayload>('role-given', {
    do: give,
    undo: take,
    async done(grant, tx) {
      await members.bookRole(tx, grant, true);
      await members.confirmGrant(tx, grant);
    },
  });
  outbox.register<RolePayload>('role-taken', {
    do: take,
    undo: take,
    done: (grant, tx) => members.bookRole(tx, grant, false),
    undone: (grant, tx) => members.bookRole(tx, grant, false),
  });
}

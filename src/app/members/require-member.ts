import { type MemberBook, PermissionDenied, UpstreamUnavailable } from '../../index.ts';

/**
 * Asked when something is given: what an outage left open may be finished long after it was asked for.
 *
 * @throws PermissionDenied when the person has gone, and UpstreamUnavailable during a suspension, at whose end it
 *   may be tried again.
 */
export async function requireMember(members: MemberBook, user: string, tenant: string): Promise<void> {
  if (await members.isMember(user, tenant)) return;
  if (await members.isMember(user, tenant, { orSuspended: true }))
    throw new UpstreamUnavailable('permit', 'the member is suspended', { logCode: 'member_suspended' });
  throw new PermissionDenied('not a member of the tenant');
}

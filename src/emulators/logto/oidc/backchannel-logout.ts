import type { Issuer } from '../issuer.ts';
import type { SessionRecord } from './issued-state.ts';
import { signLogoutToken } from './sign-tokens.ts';

const TIMEOUT_MS = 2_500;

/** Tells every application that knew the session, once, that it has ended. */
export function notifyBackchannels(issuer: Issuer, session: SessionRecord): void {
  for (const [clientId, sid] of Object.entries(session.sids)) {
    const application = issuer.directory.applications.get(clientId);
    if (!application?.backchannelLogoutUri) continue;
    const told = application.backchannelLogoutSessionRequired ? { sid } : {};
    issuer.background(
      notify(issuer, application.backchannelLogoutUri, { userId: session.userId, clientId, ...told }),
    );
  }
}

async function notify(
  issuer: Issuer,
  url: string,
  token: { userId: string; clientId: string; sid?: string },
): Promise<void> {
  const body = new URLSearchParams({ logout_token: await signLogoutToken(issuer, token) });
  const answer = await fetch(url, {
    method: 'POST',
    body,
    redirect: 'manual',
    signal: AbortSignal.any([issuer.closing, AbortSignal.timeout(TIMEOUT_MS)]),
  }).catch(() => undefined);
  await answer?.body?.cancel();
}

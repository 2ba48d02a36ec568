import type { Request, Response } from 'express';
import { cookieOf, dropCookie, setCookie } from '../cookies.ts';
import { newSecret } from '../directory/ids.ts';
import type { Issuer } from '../issuer.ts';
import type { InteractionRecord, SessionRecord } from './issued-state.ts';

const SESSION_COOKIE = '_session';
const INTERACTION_COOKIE = '_interaction';
const SESSION_TTL_MS = 14 * 86_400_000;
const INTERACTION_TTL_MS = 3_600_000;

export function sessionOf(issuer: Issuer, req: Request): SessionRecord | undefined {
  return issuer.issued.live(issuer.issued.sessions, cookieOf(req, SESSION_COOKIE));
}

/** A new session id at each sign-in, whatever the browser sent before. */
export function startSession(issuer: Issuer, req: Request, res: Response, userId: string): SessionRecord {
  const old = sessionOf(issuer, req);
  if (old) issuer.issued.sessions.delete(old.id);
  const now = issuer.clock.now();
  const session = issuer.issued.sessions.put({
    id: newSecret(43),
    uid: (old?.userId === userId && old.uid) || newSecret(21),
    userId,
    createdAt: now,
    expiresAt: now + SESSION_TTL_MS,
    sids: old?.userId === userId ? old.sids : {},
    consents: (old?.userId === userId && old.consents) || {},
  });
  setCookie(res, SESSION_COOKIE, session.id, session.expiresAt);
  return session;
}

/** The `sid` under which this application knows the session. */
export function sidOf(issuer: Issuer, session: SessionRecord, clientId: string): string {
  const known = issuer.issued.sessions.get(session.id)?.sids[clientId];
  if (known) return known;
  const sid = newSecret(issuer.version === '1.42' ? 43 : 21);
  const sids = { ...issuer.issued.sessions.get(session.id)?.sids, [clientId]: sid };
  issuer.issued.sessions.patch(session.id, { sids });
  return sid;
}

export function endSession(issuer: Issuer, res: Response, session: SessionRecord): void {
  issuer.issued.sessions.delete(session.id);
  issuer.issued.endGrantsOf(session);
  dropCookie(res, SESSION_COOKIE);
}

export function startInteraction(
  issuer: Issuer,
  res: Response,
  request: InteractionRecord['request'],
): InteractionRecord {
  const interaction = issuer.issued.interactions.put({
    id: newSecret(21),
    request,
    csrf: newSecret(32),
    expiresAt: issuer.clock.now() + INTERACTION_TTL_MS,
  });
  setCookie(res, INTERACTION_COOKIE, interaction.id, interaction.expiresAt);
  return interaction;
}

export function interactionOf(issuer: Issuer, req: Request): InteractionRecord | undefined {
  return issuer.issued.live(issuer.issued.interactions, cookieOf(req, INTERACTION_COOKIE));
}

export function endInteraction(issuer: Issuer, res: Response, interaction: InteractionRecord): void {
  issuer.issued.interactions.delete(interaction.id);
  dropCookie(res, INTERACTION_COOKIE);
}

import type { Clock } from '../../control/emulator-clock.ts';
import type { Store } from '../../store/store.ts';
import { newSecret } from '../directory/ids.ts';
import { openTable, type Table } from '../directory/tables.ts';

/** A browser signed in at the emulator; `id` is the cookie's value. */
export type SessionRecord = {
  id: string;
  /** Outlives the cookie's value, which changes at each sign-in of the same person. */
  uid: string;
  userId: string;
  createdAt: number;
  expiresAt: number;
  /** Application id → `sid` that it was told. */
  sids: Record<string, string>;
  /** Application id → what it was given in this session. */
  consents?: Record<string, string[]>;
};

/** What the application asked for, kept while the person signs in; `id` is the cookie's value. */
export type InteractionRecord = {
  id: string;
  request: AuthorizationRequest;
  csrf: string;
  /** Set when the person has signed in; the authorization resumes with it. */
  userId?: string;
  expiresAt: number;
};

export type AuthorizationRequest = {
  clientId: string;
  redirectUri: string;
  responseMode: 'query' | 'fragment' | 'form_post';
  state?: string;
  nonce?: string;
  scopes: string[];
  resources: string[];
  prompts: string[];
  codeChallenge?: string;
  /** The sign-in may be so old. */
  maxAgeSeconds?: number;
  /** Who is to be signed in, by `id_token_hint`. */
  hintedUserId?: string;
  loginHint?: string;
  firstScreen?: string;
};

/** One consent of one user for one application; tokens die with it. */
export type GrantRecord = {
  id: string;
  userId: string;
  clientId: string;
  /** Resource indicator → what was asked for and held at the authorization: tokens may have less, never more. */
  resourceScopes: Record<string, string[]>;
  /** Of the session in which it was given. */
  sessionUid?: string;
  /** Given with `offline_access`: it outlives the session. */
  persistsLogout: boolean;
  expiresAt: number;
};

export type CodeRecord = {
  id: string;
  grantId: string;
  request: AuthorizationRequest;
  userId: string;
  sid?: string;
  expiresAt: number;
  consumedAt?: number;
};

export type AccessTokenRecord = {
  id: string;
  grantId?: string;
  userId: string;
  clientId: string;
  scope: string;
  issuedAt: number;
  expiresAt: number;
};

export type RefreshTokenRecord = {
  id: string;
  grantId: string;
  userId: string;
  clientId: string;
  /** As granted at the authorization; a refresh may narrow them. */
  scopes: string[];
  resources: string[];
  sid?: string;
  /** Seconds, as in tokens. */
  issuedAt: number;
  expiresAt: number;
  consumedAt?: number;
};

/** Personal access tokens and impersonation tokens, which are exchanged before use. */
export type SubjectTokenRecord = {
  id: string;
  kind: 'impersonation' | 'personal';
  userId: string;
  name?: string;
  createdAt: number;
  expiresAt: number | null;
};

/** A sign-out that waits for its confirmation; `id` is the form's token. */
export type LogoutRecord = {
  id: string;
  sessionId?: string;
  redirectUri?: string;
  state?: string;
  expiresAt: number;
};

const SWEEP_EVERY_MS = 60_000;
const GRANT_TTL_MS = 180 * 86_400_000;

export type IssuedState = ReturnType<typeof openIssuedState>;

/** Sessions, codes and tokens that the issuer has to remember; what has expired is swept. */
export function openIssuedState(store: Store, clock: Clock) {
  const tables = {
    sessions: openTable<SessionRecord>(store, 'sessions'),
    interactions: openTable<InteractionRecord>(store, 'interactions'),
    grants: openTable<GrantRecord>(store, 'grants'),
    codes: openTable<CodeRecord>(store, 'codes'),
    accessTokens: openTable<AccessTokenRecord>(store, 'accessTokens'),
    refreshTokens: openTable<RefreshTokenRecord>(store, 'refreshTokens'),
    subjectTokens: openTable<SubjectTokenRecord>(store, 'subjectTokens'),
    logouts: openTable<LogoutRecord>(store, 'logouts'),
  };
  let sweptAt = 0;

  function live<Row extends { id: string; expiresAt: number | null }>(
    table: Table<Row>,
    id: string | undefined,
  ): Row | undefined {
    const row = table.get(id);
    return row && (row.expiresAt === null || row.expiresAt > clock.now()) ? row : undefined;
  }

  return {
    ...tables,
    /** The row, unless it has expired. */
    live,
    startGrant(given: Omit<GrantRecord, 'id' | 'expiresAt'>): GrantRecord {
      return tables.grants.put({ id: newSecret(21), ...given, expiresAt: clock.now() + GRANT_TTL_MS });
    },
    /** Ends a consent: its code, refresh and opaque tokens stop working; JWTs live on, as at Logto. */
    endGrant(grantId: string): void {
      tables.grants.delete(grantId);
    },
    /** The sign-out of a session: what was given in it goes, but for `offline_access`. */
    endGrantsOf({ uid }: SessionRecord): void {
      for (const grant of tables.grants.all())
        if (grant.sessionUid !== undefined && grant.sessionUid === uid && !grant.persistsLogout)
          tables.grants.delete(grant.id);
    },
    grantLives: (grantId: string | undefined): boolean => live(tables.grants, grantId) !== undefined,
    /** Suspension and deletion: sessions and grants go, for good. */
    endSubject(userId: string): void {
      for (const session of tables.sessions.all())
        if (session.userId === userId) tables.sessions.delete(session.id);
      for (const grant of tables.grants.all()) if (grant.userId === userId) tables.grants.delete(grant.id);
    },
    /** Forgets what has expired or lost its grant; at most once a minute. */
    sweep(): void {
      const now = clock.now();
      if (Math.abs(now - sweptAt) < SWEEP_EVERY_MS) return;
      sweptAt = now;
      store.batch(() => {
        for (const table of Object.values(tables) as Table<{ id: string; expiresAt: number | null }>[])
          for (const row of table.all())
            if (row.expiresAt !== null && row.expiresAt <= now) table.delete(row.id);
        for (const table of [tables.accessTokens, tables.refreshTokens] as Table<{
          id: string;
          grantId?: string;
        }>[])
          for (const row of table.all())
            if (row.grantId && !tables.grants.get(row.grantId)) table.delete(row.id);
      });
    },
  };
}

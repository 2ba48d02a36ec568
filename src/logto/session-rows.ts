import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { seal, unseal } from './seal.ts';

/** The SDK's own items, and the organization that the session acts in. */
export type SessionTokens = {
  idToken: string;
  refreshToken?: string;
  /** The SDK's map of access tokens, as JSON. */
  accessToken?: string;
  organizationId?: string;
};

export type StoredSession = {
  id: string;
  sub: string;
  tokens: SessionTokens;
  /** Of the sign-in; a new id leaves it as it is. */
  startedAtMs: number;
  seenAtMs: number;
};

export type SessionRows = ReturnType<typeof createSessionRows>;

type Row = { sub: string; sealed: string; started_at: Date; seen_at: Date };

const PURPOSE = 'elp session row';
/** A session in use writes its row at most this often; the idle end is early by no more than that. */
const SEEN_EVERY_MS = 30_000;
const LOGOUT_TOKEN_KEPT_MS = 60 * 60_000;

export const hashOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');

/**
 * The sessions in `elp.session`. The key is the hash of the session id and the tokens are sealed with the id
 * itself, which only the browser has: a copy of the table opens no session and holds no token.
 *
 * @param options.idleMs a session not used for this long has ended.
 * @param options.absoluteMs a session this old has ended, however busy.
 */
export function createSessionRows(options: {
  database: Database;
  clock: Clock;
  idleMs: number;
  absoluteMs: number;
}) {
  const { database, clock } = options;
  const now = () => new Date(clock.now());
  const earliestStart = () => new Date(clock.now() - options.absoluteMs);
  const earliestSeen = () => new Date(clock.now() - options.idleMs);

  return {
    async create(id: string, owner: { sub: string; sid: string | undefined }, tokens: SessionTokens) {
      const sealed = await seal(tokens, id, PURPOSE);
      await database.query(
        `INSERT INTO elp.session (id_hash, sub, sid, sealed, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)`,
        [hashOf(id), owner.sub, owner.sid ?? null, sealed, now()],
      );
    },

    async read(id: string): Promise<StoredSession | undefined> {
      const { rows } = await database.query<Row>(
        `SELECT sub, sealed, started_at, seen_at FROM elp.session
          WHERE id_hash = $1 AND started_at > $2 AND seen_at > $3`,
        [hashOf(id), earliestStart(), earliestSeen()],
      );
      const row = rows[0];
      if (!row) return undefined;
      return {
        id,
        sub: row.sub,
        tokens: (await unseal(row.sealed, [id], PURPOSE)) as SessionTokens,
        startedAtMs: row.started_at.getTime(),
        seenAtMs: row.seen_at.getTime(),
      };
    },

    /** Never makes a row: a session that was ended meanwhile stays ended. */
    async write(id: string, tokens: SessionTokens): Promise<void> {
      await database.query(`UPDATE elp.session SET sealed = $2 WHERE id_hash = $1`, [
        hashOf(id),
        await seal(tokens, id, PURPOSE),
      ]);
    },

    /** The same session under a new id, in one step, free of any lease; `false` when it has ended. */
    async rename(id: string, newId: string, tokens: SessionTokens): Promise<boolean> {
      const { rowCount } = await database.query(
        `UPDATE elp.session
            SET id_hash = $2, sealed = $3, seen_at = $4, refresh_owner = NULL, refresh_until = NULL
          WHERE id_hash = $1`,
        [hashOf(id), hashOf(newId), await seal(tokens, newId, PURPOSE), now()],
      );
      return rowCount === 1;
    },

    async touch(session: StoredSession): Promise<void> {
      if (clock.now() - session.seenAtMs < SEEN_EVERY_MS) return;
      await database.query(`UPDATE elp.session SET seen_at = $2 WHERE id_hash = $1`, [
        hashOf(session.id),
        now(),
      ]);
    },

    /** @returns whether it was there. */
    async remove(id: string): Promise<boolean> {
      return (
        (await database.query(`DELETE FROM elp.session WHERE id_hash = $1`, [hashOf(id)])).rowCount === 1
      );
    },

    /** The session of one sign-in, whatever id it goes by now. */
    async removeRenamed({ sub, startedAtMs }: StoredSession): Promise<void> {
      await database.query(`DELETE FROM elp.session WHERE sub = $1 AND started_at = $2`, [
        sub,
        new Date(startedAtMs),
      ]);
    },

    /**
     * @param startedBefore later ones go on; by default none does.
     * @returns how many were ended.
     */
    async removeOf(sub: string, startedBefore?: Date): Promise<number> {
      const { rowCount } = await database.query(
        `DELETE FROM elp.session WHERE sub = $1 AND started_at < $2`,
        [sub, startedBefore ?? 'infinity'],
      );
      return rowCount;
    },

    /**
     * What a logout token asks for, once: the token's id and the end of the sessions are one transaction, so
     * that a repetition after a failure is no replay. A session that never learnt its `sid` ends with its `sub`.
     *
     * @returns how many were ended, or `undefined` for a token seen before.
     */
    async removeByLogoutToken(token: { jti: string; sub: string | undefined; sid: string | undefined }) {
      return database.transaction(async (tx) => {
        const first = await tx.query(
          `INSERT INTO elp.logout_token (jti_hash, seen_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1`,
          [hashOf(token.jti), now()],
        );
        if (first.rows.length === 0) return undefined;
        const ended = await tx.query(
          `DELETE FROM elp.session
            WHERE ($1::text IS NULL OR sub = $1) AND ($2::text IS NULL OR sid = $2 OR ($1::text IS NOT NULL AND sid IS NULL))
            RETURNING 1`,
          [token.sub ?? null, token.sid ?? null],
        );
        return ended.rows.length;
      });
    },

    /** Deletes what has ended by itself. */
    async prune(): Promise<void> {
      await database.query(`DELETE FROM elp.session WHERE started_at <= $1 OR seen_at <= $2`, [
        earliestStart(),
        earliestSeen(),
      ]);
      await database.query(`DELETE FROM elp.logout_token WHERE seen_at <= $1`, [
        new Date(clock.now() - LOGOUT_TOKEN_KEPT_MS),
      ]);
    },
  };
}

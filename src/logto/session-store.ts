import type { Request } from 'express';
import { type SessionData, Store } from 'express-session';
import type { SessionRows, StoredSession } from './session-rows.ts';

/** What express-session keeps of a session of ours. */
export type LoadedSession = SessionData & { stored?: StoredSession };

/** express-session gives its store `generate`, which puts a new session under a new id on the request. */
export type SessionStore = Store & { generate(req: Request): void };

/**
 * The store that express-session asks. It reads, touches and deletes; nothing that is left on a session object
 * is ever written back, so a request that ends late cannot undo what another has written, nor bring an ended
 * session back.
 */
export function createSessionStore(rows: SessionRows): SessionStore {
  return new (class extends Store {
    declare generate: (req: Request) => void;

    override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
      rows.read(id).then((stored) => {
        const loaded: LoadedSession | null = stored ? { cookie: freshCookie(), stored } : null;
        done(null, loaded);
      }, done);
    }

    override set(_id: string, _session: SessionData, done?: (error?: unknown) => void): void {
      done?.();
    }

    override touch(_id: string, session: LoadedSession, done?: (error?: unknown) => void): void {
      // The answer is ready; a failed touch costs the visitor some idle time, not the answer.
      rows.touch(session.stored as StoredSession).then(
        () => done?.(),
        () => done?.(),
      );
    }

    override destroy(id: string, done?: (error?: unknown) => void): void {
      rows.remove(id).then(() => done?.(), done);
    }
  })();
}

const freshCookie = () => ({ originalMaxAge: null }) as SessionData['cookie'];

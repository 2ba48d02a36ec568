import type { Verifier } from '../auth/verifier.ts';
import type { Database } from '../database/database.ts';
import { type Health, type HealthState, health } from '../http/health.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Checker } from '../permit/create-checker.ts';

/** An open letter that is older than this is an alarm. */
const BACKLOG_SECONDS = 300;

/** What `readyz` names: the database and its tables are required, everything else is told. */
export function gateHealth(parts: {
  database: Database;
  isReady(): boolean;
  verifier: Pick<Verifier, 'keySetState'>;
  checker: Pick<Checker, 'state'>;
  inbox: Pick<Inbox, 'stats'>;
}): Health {
  const { database, isReady, verifier, checker, inbox } = parts;
  return health({
    checks: {
      database: {
        required: true,
        state: oneAtATime(async (): Promise<HealthState> => {
          await database.query('select 1');
          return 'ok';
        }),
      },
      migrations: { required: true, state: () => (isReady() ? 'ok' : 'down') },
      keySet: { state: () => verifier.keySetState() },
      pdp: { state: () => (checker.state() === 'closed' ? 'ok' : 'degraded') },
      backlog: { state: oneAtATime(async () => backlogState(await inbox.stats())) },
    },
  });
}

function backlogState(stats: Awaited<ReturnType<Inbox['stats']>>): HealthState {
  const alarming = stats.paused !== undefined || stats.dead > 0 || stats.oldestSeconds > BACKLOG_SECONDS;
  return alarming ? 'degraded' : 'ok';
}

/** The probe is public: however many ask at once, the database is asked once. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= ask().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

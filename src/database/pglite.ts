import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite, type PGliteOptions, type Results } from '@electric-sql/pglite';
import { UpstreamUnavailable } from '../errors.ts';
import type { Database, Result, Transaction } from './database.ts';
import { databaseErrorOf } from './database-error.ts';
import { createIdleLimit } from './idle-limit.ts';
import { lockDataDir } from './lock.ts';
import { refuseSilentRollback, refuseTransactionControl } from './statement.ts';
import { createTurns } from './turns.ts';

/** As `openPostgres` has it. */
const IDLE_IN_TRANSACTION_MS = 30_000;
const [BYTEA, INT8, TEXT, VARCHAR] = [17, 20, 25, 1043];

/** Its own 128 MB of page cache come on top of the system's, in every process that opens a folder. */
const small: PGliteOptions = { startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=8MB'] };

/** The types that PGlite reads and writes otherwise than `pg`, brought to what `pg` does. */
const sameTypesAsPostgres: PGliteOptions = {
  parsers: {
    [INT8]: (text: string) => text,
    [BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex'),
  },
  serializers: { [TEXT]: String, [VARCHAR]: String },
};

const resultOf = <Row>(result: Results<Row>): Result<Row> => ({
  rows: result.rows,
  // A SELECT affects no row, but has a count all the same.
  rowCount: result.affectedRows || result.rows.length,
});

/**
 * PGlite in a folder of its own below `dataDir`, under the lock of {@link lockDataDir}, or in memory.
 *
 * @param options.template a dumped data folder to start from instead of an empty one (in memory only).
 * @param options.idleInTransactionMs how long a transaction may ask nothing; default 30 seconds.
 * @throws DatabaseInUse when another process has the folder; ConfigurationError when it cannot be locked at all.
 */
export async function openPglite(
  options: { dataDir?: string; template?: Blob; idleInTransactionMs?: number } = {},
): Promise<Database> {
  const { idleInTransactionMs = IDLE_IN_TRANSACTION_MS } = options;
  if (!options.dataDir) {
    return databaseOf(
      await PGlite.create({
        ...sameTypesAsPostgres,
        ...(options.template ? { loadDataDir: options.template } : {}),
      }),
      () => undefined,
      idleInTransactionMs,
    );
  }
  const unlock = await lockDataDir(options.dataDir);
  try {
    return databaseOf(await openFolder(options.dataDir), unlock, idleInTransactionMs);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** A folder is made aside and moved into place whole: a start that is killed leaves no half-made database. */
async function openFolder(dataDir: string): Promise<PGlite> {
  const folder = join(dataDir, 'database');
  if (!existsSync(folder)) {
    const unfinished = join(dataDir, 'database.unfinished');
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true, mode: 0o700 });
    await (await PGlite.create({ dataDir: unfinished, ...small })).close();
    renameSync(unfinished, folder);
  }
  return PGlite.create({ dataDir: folder, ...small, ...sameTypesAsPostgres });
}

function databaseOf(pglite: PGlite, release: () => void, idleInTransactionMs: number): Database {
  const inTurn = createTurns({ waitMs: 10_000 });
  let closed = false;

  async function alone<T>(work: () => Promise<T>): Promise<T> {
    return inTurn(async () => {
      if (closed) throw new UpstreamUnavailable('database', 'closed');
      try {
        return await work();
      } catch (error) {
        throw databaseErrorOf(error);
      }
    });
  }

  const query: Transaction['query'] = async <Row>(sql: string, parameters: readonly unknown[] = []) =>
    resultOf(await pglite.query<Row>(sql, [...parameters]));

  const script: Transaction['script'] = async (sql) => {
    const rows = (await pglite.exec(sql)).flatMap((result) => result.rows);
    return { rows, rowCount: rows.length };
  };

  return {
    kind: 'pglite',
    async query(sql, parameters) {
      refuseTransactionControl(sql);
      return alone(() => query(sql, parameters));
    },
    script: (sql) =>
      alone(async () => {
        try {
          return await script(sql);
        } catch (error) {
          // A block that failed between its own BEGIN and COMMIT must not swallow the next caller's statements.
          await pglite.exec('ROLLBACK').catch(() => undefined);
          throw error;
        }
      }),
    transaction: (work) =>
      alone(async () => {
        let open = true;
        const whileOpen = () => {
          if (!open) throw new Error('this transaction has ended');
        };
        await pglite.exec('BEGIN');
        const idle = createIdleLimit(idleInTransactionMs);
        try {
          const working = work({
            async query(sql, parameters) {
              whileOpen();
              refuseTransactionControl(sql);
              return idle.whileAsking(() => query(sql, parameters));
            },
            async script(sql) {
              whileOpen();
              return idle.whileAsking(() => script(sql));
            },
          });
          const result = await Promise.race([working, idle.passed]);
          open = false;
          idle.end();
          await commit(pglite);
          return result;
        } catch (error) {
          open = false;
          idle.end();
          await pglite.exec('ROLLBACK').catch(() => undefined);
          throw error;
        }
      }),
    async listen(channel, onNotice, onState) {
      const stop = await alone(() => pglite.listen(channel, onNotice));
      onState?.(true);
      return async () => {
        if (!closed) await alone(() => stop());
      };
    },
    async close() {
      await inTurn(async () => {
        if (closed) return;
        closed = true;
        try {
          await pglite.close();
        } finally {
          release();
        }
      });
    },
  };
}

async function commit(pglite: PGlite): Promise<void> {
  const [ended] = await pglite.exec('COMMIT');
  refuseSilentRollback(ended?.command);
  // Writes reach the kernel as they happen; a file system that buffers (Node's does not) is flushed here.
  await pglite.syncToFs();
}

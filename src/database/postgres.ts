import pg from 'pg';
import type { Logger } from 'pino';
import type { Database, Result, Transaction } from './database.ts';
import { databaseErrorOf, databaseOutage } from './database-error.ts';
import { createListener } from './postgres-listener.ts';
import { refuseSilentRollback, refuseTransactionControl } from './statement.ts';

export type PostgresOptions = {
  url: string;
  log: Logger;
  /** Connections of this process; default 10. */
  maxConnections?: number;
  /** Default 2 seconds to connect, 10 for a statement, 30 idle inside a transaction. */
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** How long to wait for the answer to a statement; default 2 seconds longer than the server may take. */
  answerTimeoutMs?: number;
};

/** What a migration may take; of a server that says nothing any more even that ends. */
const SCRIPT_DEADLINE_MS = 3_600_000;

type Answer = pg.QueryResult | pg.QueryResult[];

function resultOf<Row>(answer: Answer): Result<Row> {
  // Several statements in one text come back as a list.
  const results = Array.isArray(answer) ? answer : [answer];
  const rows = results.flatMap((result) => result.rows ?? []) as Row[];
  return { rows, rowCount: Array.isArray(answer) ? rows.length : (answer.rowCount ?? rows.length) };
}

/**
 * Postgres behind a pool. Opens nothing until the first statement; every wait has a deadline.
 *
 * @see https://node-postgres.com/apis/pool
 */
export function openPostgres(options: PostgresOptions): Database {
  const { url, log, connectTimeoutMs = 2_000, statementTimeoutMs = 10_000 } = options;
  const connection = {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'express-logto-permit',
    keepAlive: true,
  };
  const pool = new pg.Pool({
    ...connection,
    max: options.maxConnections ?? 10,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeoutMs,
    // The server's own deadline comes first; this one is for a server that says nothing any more.
    query_timeout: options.answerTimeoutMs ?? statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: 30_000,
    allowExitOnIdle: true,
  });
  // A connection may speak of its end more than once, also after the pool has let go of it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // An idle connection that dies is replaced by the next statement; unheard, the event would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));
  const listener = createListener({ connection, log });
  let closing: Promise<void> | undefined;

  /** `work` is told how to give a connection up that must not go back to the pool. */
  async function onOneConnection<T>(
    work: (client: pg.PoolClient, giveUp: (error: Error) => void) => Promise<T>,
  ): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw databaseOutage(error);
    });
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      return await work(client, onError);
    } catch (error) {
      const mapped = databaseErrorOf(error);
      if (mapped !== error) broken ??= error as Error;
      throw mapped;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  const run = async <Row>(client: pg.PoolClient, sql: string, parameters?: readonly unknown[]) =>
    resultOf<Row>(await client.query(sql, parameters ? [...parameters] : undefined));

  return {
    kind: 'postgres',
    async query<Row>(sql: string, parameters: readonly unknown[] = []) {
      refuseTransactionControl(sql);
      return onOneConnection((client) => run<Row>(client, sql, parameters));
    },
    script: (sql) =>
      onOneConnection(async (client, giveUp) => {
        try {
          return await run(client, sql);
        } catch (error) {
          await client.query('ROLLBACK').catch(giveUp);
          throw error;
        }
      }),
    transaction: (work) =>
      onOneConnection(async (client, giveUp) => {
        let open = true;
        const whileOpen = () => {
          if (!open) throw new Error('this transaction has ended');
        };
        const tx: Transaction = {
          async query<Row>(sql: string, parameters?: readonly unknown[]) {
            whileOpen();
            refuseTransactionControl(sql);
            return run<Row>(client, sql, parameters ?? []);
          },
          async script(sql) {
            whileOpen();
            const unhurried = { text: sql, query_timeout: SCRIPT_DEADLINE_MS };
            return resultOf(await client.query(unhurried));
          },
        };
        await client.query('BEGIN');
        try {
          const result = await work(tx);
          open = false;
          refuseSilentRollback((await client.query('COMMIT')).command);
          return result;
        } catch (error) {
          open = false;
          // What cannot be rolled back would be the next caller's transaction.
          await client.query('ROLLBACK').catch(giveUp);
          throw error;
        }
      }),
    listen: (channel, onNotice, onState) => listener.listen(channel, onNotice, onState),
    close() {
      closing ??= Promise.all([listener.close(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
}

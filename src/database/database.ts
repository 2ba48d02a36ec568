/** A row set; numbers of type `bigint` come as strings, timestamps as `Date`, json parsed, `bytea` as `Buffer`. */
export type Result<Row> = { rows: Row[]; rowCount: number };

export interface Queryable {
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Result<Row>>;
}

export interface Transaction extends Queryable {
  /**
   * Several statements, no parameters, as migrations write them. The server's deadline for a statement holds,
   * unless the transaction lifts it, and an hour in any case.
   */
  script(sql: string): Promise<Result<Record<string, unknown>>>;
}

/**
 * Postgres, or PGlite in this process: the same SQL, two sizes. `query` refuses a bare `BEGIN`, because PGlite
 * has one connection and a transaction opened that way would swallow everybody else's statements.
 *
 * Trouble with the connection rejects with `UpstreamUnavailable('database')`; an error of the statement keeps
 * its SQLSTATE in `code` (`23505` for a duplicate key).
 */
export interface Database extends Queryable {
  readonly kind: 'postgres' | 'pglite';
  /**
   * Commits when `work` resolves, rolls back when it rejects. Use only `tx` inside: on PGlite a statement of
   * `database` waits for the transaction that waits for it, and is refused after ten seconds. One that asks nothing
   * for 30 seconds is rolled back and unavailable.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Several statements without parameters that run alone on one connection, for the queue engine, which writes
   * its own `BEGIN … COMMIT`. Rows of all statements come in one list.
   */
  script(sql: string): Promise<Result<Record<string, unknown>>>;
  /**
   * `LISTEN`: calls back with each payload until the returned function is called. `onState(false)` tells that
   * the connection is down and notices may be lost, `onState(true)` that it is back.
   */
  listen(
    channel: string,
    onNotice: (payload: string) => void,
    onState?: (listening: boolean) => void,
  ): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** One step of the schema. Ids are unique over all rooms and never change: `inbox-001`, `sessions-001` … */
export type Migration = { id: string; sql: string };

const LEADING_NOISE = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/;
const TRANSACTION_CONTROL =
  /^(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b/i;

/**
 * Refuses a statement that opens or ends a transaction by hand; `transaction()` is the way.
 *
 * @throws TypeError naming the statement.
 */
export function refuseTransactionControl(sql: string): void {
  const statement = sql.replace(LEADING_NOISE, '');
  const found = TRANSACTION_CONTROL.exec(statement);
  if (found) {
    throw new TypeError(
      `"${found[0]}" through query(): use database.transaction(work), which ends what it opens`,
    );
  }
}

/**
 * A COMMIT after a statement that failed answers `ROLLBACK` and no error: work that swallowed the failure would
 * believe that it is stored.
 *
 * @throws Error when `command`, the tag that COMMIT answered, is `ROLLBACK`.
 */
export function refuseSilentRollback(command: string | undefined): void {
  if (command === 'ROLLBACK') {
    throw new Error('a statement of this transaction failed and nothing was stored; let its error pass');
  }
}

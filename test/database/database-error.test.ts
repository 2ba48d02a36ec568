import { describe, expect, it } from '@jest/globals';
import { databaseErrorOf } from '../../src/database/database-error.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('what counts as an outage of the database', () => {
  it.each([
    ['disk full', coded('53100')],
    ['too many connections', coded('53300')],
    ['shutting down', coded('57P01')],
    ['statement timeout', coded('57014')],
    ['a standby', coded('25006')],
    ['connection refused', coded('ECONNREFUSED')],
    ['no space for the embedded one', coded('ENOSPC')],
    ['refused on every address', new AggregateError([coded('ECONNREFUSED')], 'all')],
    ['cut off', new Error('Connection terminated unexpectedly')],
    ['the embedded one has died', new Error('Aborted(). Build with -sASSERTIONS')],
  ])('%s is 503', (_name, error) => {
    expect(databaseErrorOf(error)).toBeInstanceOf(UpstreamUnavailable);
    expect(databaseErrorOf(error)).toMatchObject({ upstream: 'database', status: 503, cause: error });
  });

  it.each([
    ['a duplicate key', coded('23505')],
    ['a syntax error that quotes one', coded('42601', 'Connection terminated')],
    ['a bug of ours', new TypeError('undefined is not a function')],
  ])('%s is not', (_name, error) => {
    expect(databaseErrorOf(error)).toBe(error);
  });

  it('a Postgres that is not there is told at the opening, soon', async () => {
    const began = performance.now();
    const log = { warn: () => undefined } as never;
    await expect(openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', log })).rejects.toBeInstanceOf(
      UpstreamUnavailable,
    );
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { databaseErrorOf } from '../../src/database/database-error.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { openPostgres } from '../../src/database/postgres.ts';
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
    ['no file descriptors left', coded('EMFILE')],
    ['dropped meanwhile', coded('57P04')],
    [
      'the embedded one has died in a statement',
      Object.assign(new Error('unreachable'), { name: 'RuntimeError' }),
    ],
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

  it.each([
    ['speaks no TLS', 'N', '?sslmode=verify-full'],
    ['is no Postgres', 'HTTP/1.1 400 Bad Request\r\n\r\n', ''],
  ])('a server that %s is one, and no error of ours', async (_name, says, parameters) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(says));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const database = openPostgres({
      url: `postgres://nobody@127.0.0.1:${port}/none${parameters}`,
      log: pino({ level: 'silent' }),
      connectTimeoutMs: 2_000,
    });
    const fail = { status: 503, upstream: 'database' };
    try {
      await expect(database.query('SELECT 1')).rejects.toMatchObject(fail);
      await expect(database.transaction(async (tx) => tx.query('SELECT 1'))).rejects.toMatchObject(fail);
    } finally {
      await database.close();
      server.close();
    }
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

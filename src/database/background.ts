import { AsyncLocalStorage } from 'node:async_hooks';

const behind = new AsyncLocalStorage<boolean>();

/**
 * Runs work that nobody waits for: on a database with one connection its statements let those of requests go
 * first. It changes nothing on Postgres, which has a connection for each.
 */
export const inBackground = <T>(work: () => T): T => behind.run(true, work);

export const isBackground = (): boolean => behind.getStore() === true;

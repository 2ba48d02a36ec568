import { startChild } from './child.ts';

export type LoadOptions = {
  url: string;
  connections: number;
  seconds: number;
  /** Each is sent in turn as a bearer token. */
  tokens: readonly string[];
  /** Statuses that count as good. */
  expect?: readonly number[];
};

export type LoadResult = {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  answers: number;
  unexpected: number;
};

/** Drives a server from a process of its own, so that neither slows the other's event loop. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const child = await startChild('load-process.ts', options);
  await child.stop();
  return child.ready as LoadResult;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

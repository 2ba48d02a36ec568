import { Agent, request } from 'undici';
import { childOptions, sayReady } from './child.ts';

export type PacedLoad = {
  url: string;
  token: string;
  perSecond: number;
  /** Ends here … */
  seconds?: number;
  /** … or as soon as this address reports no backlog. */
  untilDrained?: string;
};

/** A light, steady load: each call starts at its time, whether or not the one before has been answered. */
const { url, token, perSecond, seconds, untilDrained } = childOptions<PacedLoad>();
const dispatcher = new Agent({ connections: 16, pipelining: 1 });
const latencies: number[] = [];
const open = new Set<Promise<void>>();
let unexpected = 0;
let ended = false;
const startedAt = performance.now();

async function once(n: number): Promise<void> {
  const sentAt = performance.now();
  try {
    const answer = await request(`${url}/${1 + (n % 1000)}`, {
      dispatcher,
      headers: { authorization: `Bearer ${token}` },
    });
    await answer.body.text();
    if (answer.statusCode !== 200) unexpected += 1;
  } catch {
    unexpected += 1;
  }
  latencies.push(performance.now() - sentAt);
}

/** Counting a large backlog is work of its own, which callers of the application would not cause every second. */
const MANY = 2_000;
let asked = 0;
let backlog = 0;

async function drained(address: string): Promise<boolean> {
  asked += 1;
  if (backlog > MANY && asked % 15 !== 0) return false;
  const { body } = await request(address, { dispatcher });
  backlog = ((await body.json()) as { backlog: number }).backlog;
  return backlog === 0;
}

const watch = setInterval(
  async () => {
    const passed = performance.now() - startedAt;
    if (seconds && passed >= seconds * 1000) ended = true;
    if (untilDrained && (await drained(untilDrained).catch(() => false))) ended = true;
  },
  untilDrained ? 1000 : 50,
);
for (let n = 0; !ended; n += 1) {
  const call = once(n).finally(() => open.delete(call));
  open.add(call);
  const next = startedAt + ((n + 1) * 1000) / perSecond - performance.now();
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, next)));
}
clearInterval(watch);
const tookSeconds = (performance.now() - startedAt) / 1000;
await Promise.all(open);
latencies.sort((a, b) => a - b);
const at = (share: number) => Number((latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1));
sayReady({ calls: latencies.length, unexpected, p50Ms: at(0.5), p99Ms: at(0.99), tookSeconds });

import { connect } from 'node:net';
import { childOptions, sayReady } from './child.ts';
import type { LoadOptions } from './load.ts';

const { url, connections, seconds, tokens, expect = [200] } = childOptions<LoadOptions>();
const { hostname, port, pathname, host } = new URL(url);

// Written once: the generator must not be what is measured.
const requests = tokens.map((token) =>
  Buffer.from(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`),
);
const latencies: number[] = [];
let next = 0;
let unexpected = 0;
const startedAt = performance.now();
const endsAt = startedAt + seconds * 1000;

function drive(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    let sentAt = 0;
    let pending = '';
    const send = () => {
      sentAt = performance.now();
      socket.write(requests[next++ % requests.length] as Buffer);
    };
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      const length = lengthOf(pending);
      if (length === undefined || pending.length < length) return;
      const now = performance.now();
      latencies.push(now - sentAt);
      if (!expect.includes(Number(pending.slice(9, 12)))) unexpected += 1;
      pending = pending.slice(length);
      if (now < endsAt) send();
      else {
        socket.destroy();
        resolve();
      }
    });
    socket.on('error', reject);
    socket.on('close', resolve);
  });
}

/** Bytes of the first answer, once its head is there. */
function lengthOf(text: string): number | undefined {
  const headEnds = text.indexOf('\r\n\r\n');
  if (headEnds < 0) return undefined;
  const found = /content-length: (\d+)/i.exec(text.slice(0, headEnds));
  return headEnds + 4 + Number(found?.[1] ?? 0);
}

await Promise.all(Array.from({ length: connections }, drive));
const tookSeconds = (performance.now() - startedAt) / 1000;
latencies.sort((left, right) => left - right);
const at = (share: number) =>
  Math.round((latencies[Math.floor(latencies.length * share)] ?? 0) * 1000) / 1000;
sayReady({
  requestsPerSecond: Math.round(latencies.length / tookSeconds),
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  answers: latencies.length,
  unexpected,
});

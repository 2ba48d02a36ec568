// node bench/auth-load.ts <url> <seconds>, tokens as lines on stdin: too many for a command line.
// One token: every request carries it. Several: each goes out once, so that no cache has seen any.
import { text } from 'node:stream/consumers';
import autocannon from 'autocannon';
import { sayReady } from './child.ts';

const CONNECTIONS = 20;
const [url = '', seconds = '3'] = process.argv.slice(2);
const tokens = (await text(process.stdin)).split('\n').filter(Boolean);
const once = tokens.length > 1;
let next = 0;
let lastAnswerMs = 0;

function headers() {
  const token = tokens[next % tokens.length];
  next += 1;
  return { authorization: `Bearer ${token}` };
}

const startedMs = performance.now();
const result = await autocannon({
  url,
  connections: CONNECTIONS,
  ...(once ? { amount: tokens.length } : { duration: Number(seconds) }),
  setupClient(client) {
    client.setHeaders(headers());
    client.on('response', () => {
      lastAnswerMs = performance.now();
      if (once) client.setHeaders(headers());
    });
  },
});
sayReady({
  // Its own duration comes in steps of whole seconds.
  requestsPerSecond: Math.round((1_000 * result['2xx']) / (lastAnswerMs - startedMs)),
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
  unexpected: result.non2xx + result.errors + result.timeouts,
});

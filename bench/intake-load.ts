import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { childOptions, sayReady } from './child.ts';

export type IntakeLoad = { port: number; signingKey: string; count: number; connections: number };

const { port, signingKey, count, connections } = childOptions<IntakeLoad>();

// Written once, before the clock runs: the generator must not be what is measured.
const requests = Array.from({ length: count }, (_, n) => {
  const userId = `bench${String(n).padStart(12, '0')}`;
  // As large as Logto's own registration letters.
  const body = JSON.stringify({
    event: 'PostRegister',
    createdAt: new Date(Date.now()).toISOString(),
    interactionEvent: 'Register',
    sessionId: 'bench-session-id-bench',
    userAgent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    userIp: '203.0.113.7',
    userId,
    user: {
      id: userId,
      username: null,
      primaryEmail: `${userId}@example.com`,
      name: 'Bench',
      isSuspended: false,
    },
    application: { id: 'benchapplicationid000', type: 'Traditional', name: 'Bench', description: null },
    hookId: 'benchhookid0000000000',
  });
  const signature = createHmac('sha256', signingKey).update(body).digest('hex');
  return Buffer.from(
    `POST /api/webhooks/logto HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nlogto-signature-sha-256: ${signature}\r\n\r\n${body}`,
  );
});

const latencies: number[] = [];
let next = 0;
let unexpected = 0;
const startedAt = performance.now();

await Promise.all(
  Array.from(
    { length: connections },
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1');
        socket.setNoDelay(true);
        let sentAt = 0;
        let answer = '';
        const send = () => {
          const request = requests[next++];
          if (!request) return void socket.destroy();
          sentAt = performance.now();
          socket.write(request);
        };
        socket.on('connect', send);
        socket.on('data', (chunk) => {
          answer += chunk.toString('latin1');
          if (!answer.endsWith('}')) return;
          latencies.push(performance.now() - sentAt);
          if (!answer.startsWith('HTTP/1.1 200')) unexpected++;
          answer = '';
          send();
        });
        socket.on('error', reject);
        socket.on('close', () => resolve());
      }),
  ),
);
const tookSeconds = (performance.now() - startedAt) / 1_000;
latencies.sort((a, b) => a - b);
sayReady({
  durableAnswersPerSecond: Math.round(count / tookSeconds),
  p50Ms: Math.round(latencies[Math.floor(count * 0.5)] ?? 0),
  p99Ms: Math.round(latencies[Math.floor(count * 0.99)] ?? 0),
  unexpected,
});

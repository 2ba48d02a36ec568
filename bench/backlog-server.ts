import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import { createGate } from '../src/gate/create-gate.ts';
import { problemDetails } from '../src/http/problem-details.ts';
import { parseDelivery } from '../src/webhook/delivery.ts';
import { benchUserId } from './bench-user.ts';
import { childOptions, sayReady } from './child.ts';
import { peakRssMb, resetPeakRss, rssMb } from './peak-memory.ts';

export type BacklogServerOptions = {
  logtoUrl: string;
  permitUrl: string;
  permitKey: string;
  database: { url: string } | { dataDir: string };
  /** Stores a letter for each of so many users, in a paused inbox, and ends. */
  fill?: number;
};

// As the doors of the product do.
const options = childOptions<BacklogServerOptions>();
const { logtoUrl, permitUrl, permitKey, database, fill } = options;
const AT_ONCE = 200;

/** Bearer token, permission and a row of the database: what a route of an application usually does. */
const gate = createGate({
  logto: {
    endpoint: logtoUrl,
    apiResource: 'http://localhost:3000/api',
    management: { appId: 'management0000000000a', appSecret: 'management-secret' },
  },
  permit: { apiKey: permitKey, pdpUrl: permitUrl, apiUrl: permitUrl },
  policy: {
    resources: { reports: { actions: ['view', 'edit'] } },
    roles: { admin: ['reports:view'], editor: ['reports:view'], viewer: ['reports:view'] },
  },
  database,
  migrations: [
    {
      id: 'bench-001',
      sql: `CREATE TABLE elp.bench_report (id int PRIMARY KEY, title text);
            INSERT INTO elp.bench_report SELECT g, 'report ' || g FROM generate_series(1, 1000) g`,
    },
  ],
  rateLimitPerMinute: 0,
  reconcileEveryMinutes: -1,
  log: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
});

if (fill) {
  await gate.start({ work: false });
  await gate.inbox.pause('the bench fills it');
  for (let i = 0; i < fill; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, fill - i) }, (_, n) => letterOf(benchUserId(i + n)));
    await Promise.all(some.map((letter) => gate.inbox.receive(letter)));
  }
  const { backlog } = await gate.inbox.stats();
  await gate.stop();
  sayReady({ stored: backlog });
} else {
  await serve();
}

function letterOf(id: string) {
  const body = {
    event: 'PostRegister',
    createdAt: new Date().toISOString(),
    interactionEvent: 'Register',
    userAgent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    userIp: '203.0.113.7',
    userId: id,
    user: { id, username: id, primaryEmail: null, name: null, isSuspended: false },
    hookId: 'benchhookid0000000000',
  };
  return parseDelivery(Buffer.from(JSON.stringify(body)), { maxAgeSeconds: 300, nowMs: systemClock.now() });
}

async function serve(): Promise<void> {
  const app = express();
  app.get(
    '/api/reports/:reportId',
    gate.bearerAuth(),
    gate.requirePermission('view', 'reports'),
    async (req, res) => {
      const { rows } = await gate.database.query('SELECT id, title FROM elp.bench_report WHERE id = $1', [
        Number(req.params.reportId),
      ]);
      res.json(rows[0]);
    },
  );
  app.use(problemDetails({ log: gate.log }));
  // What the bench asks of this process, beside the application.
  const server = createServer(async (req, res) => {
    if (req.url === '/bench/resume') await gate.inbox.resume();
    else if (req.url === '/bench/reset') resetPeakRss();
    else if (req.url !== '/bench/stats') return void app(req, res);
    const { backlog, dead } = await gate.inbox.stats();
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1_000_000;
    res.end(JSON.stringify({ backlog, dead, cpuSeconds, peakRssMb: peakRssMb(), rssMb: rssMb() }));
  });
  server.listen(0, '127.0.0.1');
  await gate.start();
  sayReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

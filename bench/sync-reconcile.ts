import diagnostics from 'node:diagnostics_channel';
import { pino } from 'pino';
import { boundMemory } from '../src/bounded-memory.ts';
import { openDatabase } from '../src/database/open-database.ts';
import { childOptions, sayReady } from './child.ts';
import { peakRssMb, resetPeakRss, rssMb } from './peak-memory.ts';
import { createSyncRoom } from './sync-room.ts';

type Options = {
  logtoUrl: string;
  permitUrl: string;
  permitKey: string;
  database: { url: string } | { dataDir: string };
  /** Only makes the database: that takes hundreds of megabytes, which its process never gives back. */
  make?: boolean;
};

/** Two reconciles in a process of their own: what they cost in memory, calls and time. */
// As the doors of the product do.
boundMemory();
const options = childOptions<Options>();
const log = pino({ level: 'silent' });
const database = await openDatabase({ ...options.database, log });
const room = await createSyncRoom(database);
const { sync, stop } = await room.join(options);

let calls = 0;
diagnostics.subscribe('undici:request:create', () => {
  calls += 1;
});
diagnostics.subscribe('http.client.request.start', () => {
  calls += 1;
});

async function measured() {
  calls = 0;
  resetPeakRss();
  const { user, system } = process.cpuUsage();
  const startedAt = performance.now();
  const report = await sync.reconcile();
  const cpu = process.cpuUsage({ user, system });
  return {
    seconds: Number(((performance.now() - startedAt) / 1000).toFixed(1)),
    cpuSeconds: Number(((cpu.user + cpu.system) / 1_000_000).toFixed(1)),
    calls,
    peakRssMb: peakRssMb(),
    changes: report.total,
  };
}

if (options.make) {
  sayReady({});
} else {
  const before = rssMb();
  const first = await measured();
  await sync.settled();
  const second = await measured();
  sayReady({ before, first, second });
}
await stop();

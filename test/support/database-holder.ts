// A process that holds a data folder until it is killed: node database-holder.ts <folder>
import { openPglite } from '../../src/database/pglite.ts';

const [, , dataDir = ''] = process.argv;
const began = performance.now();
try {
  const database = await openPglite({ dataDir });
  await database.query('CREATE TABLE IF NOT EXISTS public.row (n bigint PRIMARY KEY)');
  process.stdout.write('open\n');
  if (process.argv[3] === 'write') {
    for (let n = Number(process.argv[4] ?? 0); ; n++) {
      await database.transaction(async (tx) => {
        await tx.query('INSERT INTO public.row VALUES ($1)', [n]);
      });
      process.stdout.write(`${n}\n`);
    }
  }
  setInterval(() => undefined, 60_000);
} catch (error) {
  const { name, message } = error as Error;
  process.stderr.write(`${name}: ${message} (after ${Math.round(performance.now() - began)} ms)\n`);
  process.exitCode = 2;
}

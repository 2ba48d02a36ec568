import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { decide } from '../src/emulators/permit/engine/decide.ts';
import { createFacts } from '../src/emulators/permit/engine/facts.ts';
import type { World } from '../src/emulators/permit/engine/roles.ts';
import { createSchema } from '../src/emulators/permit/engine/schema.ts';
import { type Child, startChild } from './child.ts';
import { median } from './load.ts';
import { large, load, questionsOf, type Size, small } from './permit-emulator-world.ts';

type Row = Record<string, string | number | boolean>;

/**
 * The Permit emulator: what a check costs over a small and a large world, in the engine alone and over HTTP;
 * how fast it starts; what a million role assignments cost to load.
 *
 * `BENCH_ROUNDS` (5) rounds of `BENCH_CHECKS` (2000) checks.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
  const checks = Number(process.env.BENCH_CHECKS ?? 2_000);
  const rows = [inEngine(rounds, checks * 20), await firstAnswer(rounds)];
  const children: Child[] = [];
  try {
    for (const _ of [small, large]) children.push(await startChild('permit-emulator-process.ts', {}));
    const [first, second] = children as [Child, Child];
    await load(String(first.ready.url), small);
    const startedMs = performance.now();
    await load(String(second.ready.url), large);
    const seconds = (performance.now() - startedMs) / 1000;
    rows.push({
      what: '1,200,000 facts with 10⁶ role assignments loaded in bulk',
      value: `${seconds.toFixed(1)} s, at most ${peakMegabytes(second)} MB`,
      target: 'about 60 s, 1500 MB',
    });
    rows.push(await overHttp(first, second, rounds, checks));
  } finally {
    for (const child of children) await child.stop();
  }
  return { name: 'permit-emulator', rows };
}

/**
 * The engine alone: µs for one decision, as a median of rounds that take turns. The small world fits into the
 * processor's cache, the large one does not: this is what memory costs, on a scale that no caller can see.
 */
function inEngine(rounds: number, checks: number): Row {
  const worlds = [small, large].map((size) => ({
    world: worldOf(size),
    questions: questionsOf(size, checks),
  }));
  const costs = worlds.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [i, { world, questions }] of worlds.entries()) {
      const startedMs = performance.now();
      for (const question of questions) decide(world, question);
      // The first round warms up.
      if (round > 0) costs[i]?.push(((performance.now() - startedMs) * 1000) / checks);
    }
  }
  return compared('a decision in the engine, µs', median(costs[0] ?? []), median(costs[1] ?? []));
}

async function overHttp(first: Child, second: Child, rounds: number, checks: number): Promise<Row> {
  const agent = new Agent({ connections: 1, pipelining: 1 });
  const sides = [
    { url: String(first.ready.url), questions: questionsOf(small, checks) },
    { url: String(second.ready.url), questions: questionsOf(large, checks) },
  ];
  const costs = sides.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [i, { url, questions }] of sides.entries()) {
      const startedMs = performance.now();
      for (const question of questions) {
        const { body } = await request(`${url}/allowed`, {
          dispatcher: agent,
          method: 'POST',
          headers: { authorization: 'Bearer permit_key_environment', 'content-type': 'application/json' },
          body: JSON.stringify(question),
        });
        await body.dump();
      }
      if (round > 0) costs[i]?.push((performance.now() - startedMs) / checks);
    }
  }
  await agent.close();
  return compared(
    'a check over HTTP, one after another, ms',
    median(costs[0] ?? []),
    median(costs[1] ?? []),
    '3 ×',
  );
}

function compared(what: string, one: number, other: number, target = '–'): Row {
  const ratio = other / one;
  return {
    what,
    value: `${one.toPrecision(3)} over 10³ assignments, ${other.toPrecision(3)} over 10⁶: ${ratio.toFixed(2)} ×`,
    target,
  };
}

async function firstAnswer(rounds: number): Promise<Row> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const child = await startChild('permit-emulator-process.ts', { demo: true });
    times.push(Number(child.ready.firstAnswerMs));
    await child.stop();
  }
  return {
    what: 'start to first answer with the demo seed',
    value: `${median(times).toFixed(0)} ms`,
    target: 'about 100 ms',
  };
}

function peakMegabytes(child: Child): number {
  const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

function worldOf({ users, tenants, tuples }: Size): World {
  const schema = createSchema();
  const facts = createFacts();
  schema.putResource('reports', ['view', 'edit']);
  schema.putResource('folders', ['open']);
  schema.putRole('__tenant', { key: 'viewer', permissions: [{ type: 'reports', action: 'view' }] });
  schema.putRole('folders', { key: 'keeper', permissions: [{ type: 'folders', action: 'open' }] });
  schema.putRole('reports', {
    key: 'reader',
    permissions: [{ type: 'reports', action: 'view' }],
    derivation: {
      noDirectRoles: false,
      rules: [{ role: 'keeper', on: 'folders', by: 'parent', noDirectRoles: false }],
    },
  });
  for (let user = 0; user < users; user += 1) {
    for (let tenant = 0; tenant < tenants; tenant += 1) {
      facts.assign({ user: `user-${user}`, role: 'viewer', tenant: `tenant-${tenant}` });
    }
  }
  for (let i = 0; i < tuples; i += 1) {
    const instance = `folders:f${i}`;
    facts.relate({ subject: instance, relation: 'parent', object: `reports:r${i}` });
    facts.assign({ user: `keeper-${i % 100}`, role: 'keeper', tenant: 'tenant-0', instance });
  }
  return { schema, facts };
}

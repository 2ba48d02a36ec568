import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import request from 'supertest';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { createDecisionEngine } from '../../src/permit/decisions.ts';
import { testApp } from '../support/permission-app.ts';
import { bulkFaults, singleFaults } from '../support/permission-faults.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';
import { startStopwatch } from '../support/stopwatch.ts';

const policy = definePolicy({ resources: { reports: { actions: ['view'] } }, roles: {} });
const question = (key: string) => ({
  user: { key },
  action: 'view',
  resource: { type: 'reports', tenant: 'default' },
});

let pdp: ScriptedPdp;
let allowing: ScriptedPdp;
beforeAll(async () => {
  pdp = await startScriptedPdp();
  allowing = await startScriptedPdp();
  allowing.decide = () => true;
});
afterAll(() => Promise.all([pdp.close(), allowing.close()]));

function captured() {
  const lines: { decision?: { logCode?: string; verdict: string; tookMs: number } }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return {
    log,
    codes: () => lines.flatMap(({ decision }) => decision?.logCode ?? []),
  };
}

async function withChecker<T>(
  use: (checker: Checker, seen: ReturnType<typeof captured>) => Promise<T>,
): Promise<T> {
  const seen = captured();
  const checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log: seen.log });
  try {
    return await use(checker, seen);
  } finally {
    await checker.stop();
  }
}

describe('a PDP that answers one question wrongly', () => {
  it.each(singleFaults)('$id: 503, the handler does not run', (fault) =>
    withChecker(async (checker, { codes, log }) => {
      let ran = 0;
      const guard = createRequirePermission({ policy, checker, defaultTenant: 'default', log });
      const app = testApp((routes) => {
        routes.get('/reports', guard('view', 'reports'), (_req, res) => {
          ran += 1;
          res.json({});
        });
      });
      const ask = () => request(app).get('/reports').set('X-Test-Caller', 'alice');
      pdp.decide = () => true;
      allowing.calls.length = 0;
      pdp.fault = (_path, res) => {
        fault.answer(res, { allowingUrl: allowing.url });
        return true;
      };
      const waitedMs = startStopwatch();
      const answer = await ask();
      const waited = waitedMs();
      expect([answer.status, ran]).toEqual([503, 0]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(waited).toBeLessThan(1000);
      expect(codes()).toEqual([fault.logCode]);
      expect(allowing.calls).toEqual([]);

      pdp.fault = undefined;
      await ask().expect(200);
      expect(ran).toBe(1);
    }),
  );

  it('is found 28 times over', () => expect(singleFaults).toHaveLength(28));
});

describe('a PDP that answers many questions wrongly', () => {
  it.each(bulkFaults)('$id: the whole batch is 503', (fault) =>
    withChecker(async (checker) => {
      pdp.decide = () => true;
      pdp.fault = (_path, res) => {
        fault.answer(res, { allowingUrl: allowing.url });
        return true;
      };
      const ask = () => Promise.allSettled(['a', 'b', 'c'].map((key) => checker.isAllowed(question(key))));
      const outcomes = await ask();
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      for (const outcome of outcomes) {
        const { reason } = outcome as PromiseRejectedResult;
        expect(reason).toBeInstanceOf(UpstreamUnavailable);
        expect(reason.status).toBe(503);
      }
      pdp.fault = undefined;
    }),
  );

  it.each(bulkFaults)('$id, once: the second try answers everybody truly', (fault) =>
    withChecker(async (checker) => {
      let faults = 0;
      pdp.decide = ({ user }) => user.key === 'b';
      pdp.fault = (path, res) => {
        if (path !== '/allowed/bulk' || faults > 0) return false;
        faults += 1;
        fault.answer(res, { allowingUrl: allowing.url });
        return true;
      };
      const answers = await Promise.all(['a', 'b', 'c'].map((key) => checker.isAllowed(question(key))));
      expect([answers, faults]).toEqual([[false, true, false], 1]);
      pdp.fault = undefined;
    }),
  );

  it('does not make a stranger pay for an odd question', () =>
    withChecker(async (checker) => {
      pdp.decide = () => true;
      pdp.fault = (_path, res, body) => {
        if (!JSON.stringify(body).includes('odd')) return false;
        res.statusCode = 422;
        res.end('nobody understands this');
        return true;
      };
      const outcomes = await Promise.allSettled(
        ['a', 'odd', 'c'].map((key) => checker.isAllowed(question(key))),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(checker.state()).toBe('closed');
      pdp.fault = undefined;
    }));

  it('is found 8 times over', () => expect(bulkFaults).toHaveLength(8));
});

describe('a PDP that is not there', () => {
  it('refuses within a second, then at once, and is found again within two seconds', async () => {
    const gone = await startScriptedPdp();
    const port = Number(new URL(gone.url).port);
    await gone.close();
    const { log } = captured();
    const checker = createChecker({ pdpUrl: gone.url, apiKey: 'key', log });
    const timed = async () => {
      const waitedMs = startStopwatch();
      const failure = await checker.isAllowed(question('alice')).catch((error: unknown) => error);
      return { failure, tookMs: waitedMs() };
    };
    const first = await timed();
    expect(first.failure).toMatchObject({ status: 503, logCode: 'permit_unreachable' });
    expect(first.tookMs).toBeLessThan(1000);
    while (checker.state() === 'closed') await timed();

    // The fastest of five: how busy the machine is with other things is not what is measured.
    const open = [await timed(), await timed(), await timed(), await timed(), await timed()];
    for (const { failure } of open)
      expect(failure).toMatchObject({ status: 503, logCode: 'permit_circuit_open' });
    expect(Math.min(...open.map(({ tookMs }) => tookMs))).toBeLessThan(20);

    const back = await startScriptedPdp(port);
    back.decide = () => true;
    const waitedMs = startStopwatch();
    const backAt = performance.now();
    let outcome: unknown;
    do {
      outcome = await checker.isAllowed(question('alice')).catch((error: unknown) => error);
      await new Promise(setImmediate);
    } while (outcome !== true && performance.now() - backAt < 20_000);
    expect(outcome).toBe(true);
    expect(waitedMs()).toBeLessThan(2000);
    expect(checker.state()).toBe('closed');
    await checker.stop();
    await back.close();
  });

  it('lets one probe through while others are refused at once', () =>
    withChecker(async (checker) => {
      let hanging = 0;
      pdp.fault = (_path, res) => {
        if (hanging === 0) res.destroy();
        return true;
      };
      while (checker.state() === 'closed') await checker.isAllowed(question('alice')).catch(() => undefined);
      hanging = 1;
      const before = pdp.calls.length;
      let probe: Promise<unknown> | undefined;
      while (pdp.calls.length === before) {
        probe = checker.isAllowed(question('alice')).catch((error: unknown) => error);
        await new Promise(setImmediate);
      }
      expect(checker.state()).toBe('half-open');
      const tookMs: number[] = [];
      for (const other of ['bob', 'carol', 'dave', 'erin', 'frank']) {
        const startedAt = performance.now();
        await expect(checker.isAllowed(question(other))).rejects.toMatchObject({
          logCode: 'permit_circuit_open',
        });
        tookMs.push(performance.now() - startedAt);
      }
      expect(Math.min(...tookMs)).toBeLessThan(20);
      await expect(probe).resolves.toBeInstanceOf(Error);
      pdp.fault = undefined;
    }));
});

describe('one attempt', () => {
  it('is none when its time has passed', async () => {
    const engine = createDecisionEngine({ pdpUrl: pdp.url, apiKey: 'key', timeoutMs: 500 });
    const before = pdp.calls.length;
    await expect(engine.askOne('{}', performance.now() - 1)).rejects.toMatchObject({
      logCode: 'permit_timeout',
    });
    expect(pdp.calls).toHaveLength(before);
    expect(engine.kindOf(new Error('who knows'))).toBe('outage');
    await engine.close();
  });
});

describe('refusals that are no outage', () => {
  it.each([
    ['429', 429, 'permit_rate_limited'],
    ['401', 401, 'permit_key_refused'],
    ['422', 422, 'permit_question_refused'],
  ])('%s never opens the circuit', (_name, status, logCode) =>
    withChecker(async (checker) => {
      pdp.fault = (_path, res) => {
        res.writeHead(status, { 'retry-after': '7' });
        res.end('{}');
        return true;
      };
      for (let count = 0; count < 12; count += 1) {
        await expect(checker.isAllowed(question(`u${count}`))).rejects.toMatchObject({ logCode });
      }
      expect(checker.state()).toBe('closed');
      pdp.fault = undefined;
    }),
  );

  it.each<[string | string[], string]>([
    ['7', '7'],
    ['Wed, 21 Oct 2026 07:28:00 GMT', '60'],
    ['999999', '3600'],
    [['5', '9'], '5'],
  ])('keeps Retry-After %s of a 429 as %s', (sent, kept) =>
    withChecker(async (checker) => {
      const before = pdp.calls.length;
      pdp.fault = (_path, res) => {
        res.statusCode = 429;
        res.setHeader('retry-after', sent);
        res.end();
        return true;
      };
      await expect(checker.isAllowed(question('alice'))).rejects.toMatchObject({
        headers: { 'Retry-After': kept },
      });
      expect(pdp.calls.length - before).toBe(1);
      pdp.fault = undefined;
    }),
  );
});

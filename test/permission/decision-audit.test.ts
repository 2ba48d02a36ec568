import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { pino } from 'pino';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { createDecisionAudit } from '../../src/permission/decision-audit.ts';
import { principal } from '../support/permission-app.ts';

const res = { getHeader: () => 'request-1' } as unknown as ServerResponse;
const question = {
  user: { key: 'alice' },
  action: 'view',
  resource: { type: 'reports', key: 'r1', tenant: 'acme' },
};

function written(redact: string[] = [], level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level, redact }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

afterEach(() => trace.disable());

describe('the audit line of a decision', () => {
  it('says who asked for what, where, with which verdict and how', () => {
    const { log, lines } = written();
    const audit = createDecisionAudit({ log });
    const decision = audit.begin(principal('alice', { actor: 'support' }), question, res);
    decision.trace.batched = 7;
    audit.end(decision, 'allow');
    expect(lines[0]).toMatchObject({
      level: 30,
      msg: 'decision',
      decision: {
        requestId: 'request-1',
        user: 'alice',
        actor: 'support',
        via: 'bearer',
        action: 'view',
        resource: 'reports',
        key: 'r1',
        tenant: 'acme',
        verdict: 'allow',
        batched: 7,
        cached: false,
      },
    });
  });

  it('is a warning with the code of the failure when there was no decision', () => {
    const { log, lines } = written();
    const audit = createDecisionAudit({ log });
    const failure = new UpstreamUnavailable('permit', 'no', { logCode: 'permit_timeout' });
    audit.end(audit.begin(principal('alice'), question, res), 'error', failure);
    expect(lines[0]).toMatchObject({ level: 40, decision: { verdict: 'error', logCode: 'permit_timeout' } });
  });

  it('is told at the level of warnings when there was no decision, and only then', () => {
    const { log, lines } = written([], 'warn');
    const audit = createDecisionAudit({ log });
    audit.end(audit.begin(principal('alice'), question, res), 'deny');
    expect(lines).toEqual([]);
    audit.end(audit.begin(principal('alice'), question, res), 'error', new Error('odd'));
    expect(lines).toMatchObject([{ level: 40, decision: { verdict: 'error' } }]);
  });

  it('can be redacted', () => {
    const { log, lines } = written(['decision.user']);
    const audit = createDecisionAudit({ log });
    audit.end(audit.begin(principal('alice'), question, res), 'deny');
    expect(JSON.stringify(lines)).not.toContain('alice');
  });
});

describe('the span of a decision', () => {
  it('carries the same facts once tracing is set up, and is not made before', () => {
    const attributes: Record<string, unknown>[] = [];
    const statuses: unknown[] = [];
    let ended = 0;
    const span = {
      setAttributes: (some: Record<string, unknown>) => attributes.push(some),
      setStatus: (status: unknown) => statuses.push(status),
      end: () => {
        ended += 1;
      },
    } as unknown as Span;
    const audit = createDecisionAudit({ log: pino({ level: 'silent' }) });
    expect(audit.begin(principal('alice'), question, res).span).toBeUndefined();

    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: () => span }) as unknown as Tracer });
    const allowed = audit.begin(principal('alice'), question, res);
    allowed.trace.cached = true;
    allowed.trace.batched = 3;
    audit.end(allowed, 'allow');
    audit.end(audit.begin(principal('alice'), question, res), 'error', new Error('odd'));
    expect(ended).toBe(2);
    expect(attributes[0]).toMatchObject({
      'permission.resource': 'reports',
      'permission.verdict': 'allow',
      'permission.cached': true,
      'permission.batched': 3,
    });
    expect(attributes[1]).toMatchObject({ 'permission.verdict': 'error', 'permission.batched': 0 });
    expect(statuses).toEqual([{ code: SpanStatusCode.ERROR }]);
  });
});

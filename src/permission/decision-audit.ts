import type { ServerResponse } from 'node:http';
import { ProxyTracerProvider, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Principal } from '../auth/principal.ts';
import { UpstreamUnavailable } from '../errors.ts';
import type { DecisionTrace, Question } from './checker.ts';

export type Verdict = 'allow' | 'deny' | 'error';

/** One decision under way; made by {@link DecisionAudit.begin}. */
export type AuditedDecision = {
  readonly principal: Principal;
  readonly question: Question;
  readonly res: ServerResponse;
  /** Handed to the checker, which says how the answer came about. */
  readonly trace: DecisionTrace;
  readonly startedAt: number;
  readonly span: Span | undefined;
};

export type DecisionAudit = {
  begin(principal: Principal, question: Question, res: ServerResponse): AuditedDecision;
  end(decision: AuditedDecision, verdict: Verdict, failure?: unknown): void;
};

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const TRACER = 'express-logto-permit';

/**
 * One structured log line, one count and one span for each decision: who asked for what in which tenant, the
 * verdict, how long it took, in a batch of how many, from the cache or not. The line holds keys only, no name
 * or address; pino's `redact` can take `decision.user` out as well.
 */
export function createDecisionAudit(options: { log: Logger; metrics?: Registry }): DecisionAudit {
  const { log, metrics } = options;
  const meter = metrics ? createMeter(metrics) : undefined;

  return {
    begin(principal, question, res) {
      return { principal, question, res, trace: {}, startedAt: performance.now(), span: startSpan() };
    },

    end({ principal, question, res, trace: how, startedAt, span }, verdict, failure) {
      const tookMs = performance.now() - startedAt;
      meter?.observe(verdict, how.cached === true, tookMs / 1000);
      if (span) {
        describe(span, question, verdict, how);
        span.end();
      }
      if (!log.isLevelEnabled(verdict === 'error' ? 'warn' : 'info')) return;
      const decision = {
        requestId: res.getHeader('X-Request-Id'),
        user: question.user.key,
        ...(principal.actor === undefined ? {} : { actor: principal.actor }),
        via: principal.via,
        action: question.action,
        resource: question.resource.type,
        key: question.resource.key,
        tenant: question.resource.tenant,
        verdict,
        tookMs: Math.round(tookMs * 1000) / 1000,
        batched: how.batched ?? 0,
        cached: how.cached === true,
        ...(failure instanceof UpstreamUnavailable ? { logCode: failure.logCode } : {}),
      };
      if (verdict === 'error') log.warn({ decision }, 'decision');
      else log.info({ decision }, 'decision');
    },
  };
}

/** Nothing where the process has no tracing set up: even spans that record nothing cost a third of a check. */
function startSpan(): Span | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider && !provider.getDelegateTracer(TRACER)) return undefined;
  return provider.getTracer(TRACER).startSpan('permission.check');
}

function describe(span: Span, question: Question, verdict: Verdict, how: DecisionTrace): void {
  span.setAttributes({
    'permission.action': question.action,
    'permission.resource': question.resource.type,
    'permission.tenant': question.resource.tenant,
    'permission.verdict': verdict,
    'permission.batched': how.batched ?? 0,
    'permission.cached': how.cached === true,
  });
  if (verdict === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
}

function createMeter(metrics: Registry) {
  const decisions = counterOf(metrics);
  const seconds = histogramOf(metrics);
  return {
    observe(verdict: Verdict, cached: boolean, tookSeconds: number) {
      decisions.inc({ verdict, cached: String(cached) });
      seconds.observe(tookSeconds);
    },
  };
}

// A registry keeps one metric of a name; a second gate on the same registry shares it.
function counterOf(metrics: Registry): Counter<'verdict' | 'cached'> {
  const name = 'elp_permission_decisions_total';
  return (
    (metrics.getSingleMetric(name) as Counter<'verdict' | 'cached'> | undefined) ??
    new Counter({
      name,
      help: 'Decisions by verdict',
      labelNames: ['verdict', 'cached'],
      registers: [metrics],
    })
  );
}

function histogramOf(metrics: Registry): Histogram {
  const name = 'elp_permission_decision_seconds';
  return (
    (metrics.getSingleMetric(name) as Histogram | undefined) ??
    new Histogram({ name, help: 'Time to a decision', buckets: SECONDS, registers: [metrics] })
  );
}

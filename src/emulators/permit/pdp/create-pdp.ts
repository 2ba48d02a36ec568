import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { createEmulatorState } from '../emulator-state.ts';
import { explain } from '../engine/explain.ts';
import type { EngineOptions } from '../engine/question.ts';
import type { World } from '../engine/roles.ts';
import { bearerOf, sendJson, sendText } from '../http-exchange.ts';
import type { KeyRow } from '../model/organization-rows.ts';
import { decisionEndpoints, endpointsBehind } from './decision-endpoints.ts';
import { pdpPages } from './pages.ts';
import { opaQuestionBody, questionOf } from './question-body.ts';
import {
  decideAndLog,
  type Endpoint,
  type PdpContext,
  parseQuestion,
  readBehind,
  readInFront,
  serveDecision,
} from './serve-decision.ts';

type PdpOptions = {
  state: ReturnType<typeof createEmulatorState>;
  engineOptions: EngineOptions;
  debug: boolean;
};

type FactsTarget = { path: string } | 'refused' | 'none';

const REFUSED = 'You are not authorized to access this resource, please check your API key.';

/** The decision point: decisions, health, and the port that speaks OPA's own language. */
export function createPdp({ state, engineOptions, debug }: PdpOptions) {
  function worldOf(key: KeyRow | undefined): World {
    return state.organization.environment({ id: key?.environment ?? '' }).replica.world;
  }

  const contextOf = (key: KeyRow): PdpContext => ({
    world: worldOf(key),
    log: state.decisions,
    options: engineOptions,
    debug,
  });

  const decisionPoint: RequestHandler = async function decisionPoint(req, res, next) {
    const behind = endpointsBehind.get(req.path);
    const endpoint = behind ?? decisionEndpoints.get(req.path);
    if (endpoint) {
      const key = authenticated(req, res);
      if (!key) return;
      if (req.method !== 'POST') return sendText(res, 405, '');
      return serveDecision(req, res, endpoint, contextOf(key), behind ? readBehind : readInFront);
    }
    const page = pdpPages.get(req.path);
    if (!page) return next();
    const key = page.open ? undefined : authenticated(req, res);
    if (!page.open && !key) return;
    if (req.method !== page.method) return sendText(res, 405, '');
    page.answer(() => worldOf(key), req, res);
  };

  /** A decision point belongs to one environment: only that environment's key opens it. */
  function authenticated(req: IncomingMessage, res: ServerResponse): KeyRow | undefined {
    if (req.headers.authorization === undefined) {
      sendText(res, 401, 'Missing Authorization header');
      return undefined;
    }
    const key = environmentKeyOf(req);
    if (!key) sendText(res, 403, REFUSED);
    return key;
  }

  function environmentKeyOf(req: IncomingMessage): KeyRow | undefined {
    const key = state.organization.keys.get(bearerOf(req) ?? '');
    return key?.level === 'env' ? key : undefined;
  }

  /** `POST /v1/data/permit/root`, as `permitio` asks it with `useOpa`. */
  const opaPort: RequestHandler = async function opaPort(req, res, next) {
    if (req.path === '/health') return sendJson(res, 200, {});
    if (req.path !== '/v1/data/permit/root' || req.method !== 'POST') return next();
    const key = environmentKeyOf(req);
    if (key) await serveDecision(req, res, opaRoot, contextOf(key), readInFront);
    else sendJson(res, 401, { code: 'unauthorized', message: 'request rejected by administrative policy' });
  };

  return {
    decisionPoint,
    opaPort,
    /**
     * What the facts proxy forwards to: facts, and nothing else of the API. `/facts/users` means
     * `/v2/facts/{project}/{environment}/users` of the key.
     *
     * @returns `refused` when the key was, with the answer written.
     */
    factsTarget(req: IncomingMessage, res: ServerResponse, path: string): FactsTarget {
      const key = authenticated(req, res);
      if (!key) return 'refused';
      if (path.startsWith('/v2/facts/')) return { path };
      if (!path.startsWith('/facts/')) return 'none';
      return { path: `/v2/facts/${key.project}/${key.environment}${path.slice('/facts'.length)}` };
    },
  };
}

const opaRoot: Endpoint = (context, body) => {
  const question = questionOf(parseQuestion(opaQuestionBody, body).input);
  const decision = decideAndLog(context, question, '/v1/data/permit/root');
  return {
    result: {
      allow: decision.allow,
      allowing_sources: decision.sources,
      ...(context.debug ? { debug: explain(context.world, question, decision) } : {}),
    },
  };
};

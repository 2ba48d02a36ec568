import type { IncomingMessage, ServerResponse } from 'node:http';
import type { World } from '../engine/roles.ts';
import { sendJson, urlOf } from '../http-exchange.ts';
import { createQuery } from '../rest/query.ts';
import { ValidationError } from '../rest/validation-error.ts';
import { localAssignments } from './local-assignments.ts';

type Page = {
  method: 'GET' | 'POST';
  /** Needs no key. */
  open?: true;
  answer(world: () => World, req: IncomingMessage, res: ServerResponse): void;
};

const component = { status: 'ok', error: null, details: null };
const HEALTHY = { status: 'ok', components: { horizon: component, opa: component } };

const fixed = (body: object, method: Page['method'] = 'GET'): Page => ({
  method,
  answer: (_world, _req, res) => sendJson(res, 200, body),
});
const open = (body: object): Page => ({ ...fixed(body), open: true });

const localPage: Page = {
  method: 'GET',
  answer(world, req, res) {
    try {
      const query = createQuery(new URLSearchParams(urlOf(req).search));
      sendJson(res, 200, localAssignments(world(), query));
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      sendJson(res, 422, { detail: error.detail });
    }
  },
};

/** What the decision point answers besides decisions. */
export const pdpPages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['/health', open(HEALTHY)],
  ['/healthy', open(HEALTHY)],
  ['/ready', open(HEALTHY)],
  ['/version', fixed({ api_version: 4 })],
  ['/healthchecks/opa/ready', fixed({ result: true })],
  ['/healthchecks/opa/healthy', fixed({ result: true })],
  ['/healthchecks/opa/system', fixed({ result: { ready: true, healthy: true } })],
  ['/data-updater/trigger', fixed({ status: 'ok', triggered: true }, 'POST')],
  ['/local/role_assignments', localPage],
]);

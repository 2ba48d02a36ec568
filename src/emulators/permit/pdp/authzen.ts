import { z } from 'zod';
import type { EngineQuestion } from '../engine/question.ts';
import { attributes } from '../rest/schemas.ts';
import { decisionAnswer, type PdpContext, PdpRefusal, parseQuestion } from './serve-decision.ts';

const text = z.string();
const subject = z.object({ type: text, id: text, properties: attributes.nullish() });
const resource = z.object({ type: text, id: text, properties: attributes.nullish() });
const action = z.object({ name: text, properties: attributes.nullish() });
const evaluation = z.object({ subject, resource, action, context: attributes.nullish() });
const evaluations = z.object({
  subject: subject.nullish(),
  resource: resource.nullish(),
  action: action.nullish(),
  context: attributes.nullish(),
  evaluations: z.array(evaluation.partial()),
  options: attributes.nullish(),
});

/** One AuthZEN question; the tenant is a property of the resource, and without one there are no tenant roles. */
function questionOf(body: z.infer<typeof evaluation>): EngineQuestion {
  const properties = body.resource.properties ?? {};
  const tenant = Object.hasOwn(properties, 'tenant') ? properties.tenant : undefined;
  return {
    user: { key: body.subject.id, attributes: body.subject.properties ?? {} },
    action: body.action.name,
    resource: {
      type: body.resource.type,
      key: body.resource.id,
      tenant: typeof tenant === 'string' ? tenant : undefined,
      attributes: properties,
    },
    context: body.context ?? {},
  };
}

function answer(context: PdpContext, question: EngineQuestion, via: string) {
  const { allow, debug, query } = decisionAnswer(context, question, via);
  return { decision: allow, context: debug ?? query };
}

/**
 * `POST /access/v1/evaluation`
 *
 * @see https://openid.net/specs/authorization-api-1_0.html
 */
export function evaluate(context: PdpContext, body: unknown) {
  return answer(context, questionOf(parseQuestion(evaluation, body)), '/access/v1/evaluation');
}

/** `POST /access/v1/evaluations`: what an item leaves out comes from the request. */
export function evaluateMany(context: PdpContext, body: unknown) {
  const request = parseQuestion(evaluations, body);
  if (request.evaluations.length === 0) throw new PdpRefusal(400, { detail: 'No evaluations provided' });
  const questions = request.evaluations.map((item) => {
    const whole = {
      subject: item.subject ?? request.subject,
      resource: item.resource ?? request.resource,
      action: item.action ?? request.action,
      context: { ...request.context, ...item.context },
    };
    const result = evaluation.safeParse(whole);
    if (!result.success) {
      throw new PdpRefusal(400, { detail: 'One or more evaluations is missing required fields' });
    }
    return questionOf(result.data);
  });
  return {
    evaluations: questions.map((question) => answer(context, question, '/access/v1/evaluations')),
  };
}

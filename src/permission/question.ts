import type { Principal } from '../auth/principal.ts';
import type { Question } from './checker.ts';
import type { PolicyInput } from './policy.ts';
import type { ProtectedObject } from './target.ts';

/** What a question may say beyond who wants what in which tenant. */
export type QuestionDetails = {
  key?: string;
  attributes?: Record<string, unknown>;
  context?: Record<string, unknown>;
};

/** The attributes of an object that go into a question: its owner and what the policy declares, nothing else. */
export function attributesOf(
  policy: PolicyInput,
  resource: string,
  object: ProtectedObject,
): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const name of Object.keys(policy.resources[resource]?.attributes ?? {})) {
    if (Object.hasOwn(object, name)) attributes[name] = (object as Record<string, unknown>)[name];
  }
  if (typeof object.ownerId === 'string') attributes.owner = object.ownerId;
  return attributes;
}

/**
 * Builds the question: every part of it is verified or our own. The members stand in a fixed order, so that
 * equal questions are equal as text.
 */
export function questionOf(
  principal: Principal,
  action: string,
  type: string,
  tenant: string,
  { key, attributes, context }: QuestionDetails = {},
): Question {
  const resource: Question['resource'] = key === undefined ? { type, tenant } : { type, key, tenant };
  if (attributes) resource.attributes = attributes;
  const question: Question = { user: { key: principal.key }, action, resource };
  if (context) question.context = context;
  return question;
}

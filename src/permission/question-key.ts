import { hash } from 'node:crypto';
import type { Question } from './checker.ts';

const LONGEST_PLAIN_KEY = 256;

/**
 * The key of a question in the decision cache: the whole canonical question, and its whole SHA-256 where that
 * would be long. No part is cut or joined with a delimiter that an id could contain: two questions share a key
 * only when they are the same question.
 */
export function questionKey(question: Question): string {
  const text = canonicalQuestion(question);
  // Canonical text begins with a bracket, a hash never does.
  return text.length <= LONGEST_PLAIN_KEY ? text : hash('sha256', text, 'base64url');
}

/** Equal text means equal question, whatever the order of members. */
export function canonicalQuestion(question: Question): string {
  const { user, action, resource, context } = question;
  if (user.attributes || resource.attributes || context) return canonicalText(question);
  // The common question, without sorting; an array can never look like the object form.
  const { type, key, tenant } = resource;
  return JSON.stringify([user.key, action, type, tenant, key === undefined ? [] : [key]]);
}

function canonicalText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if ('toJSON' in value && typeof value.toJSON === 'function') return canonicalText(value.toJSON());
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`);
  return `{${members.join(',')}}`;
}

import type { Question } from './checker.ts';

/** A question as it goes over the wire; context is always there, as the vendor's own client sends it. */
export function questionText({ user, action, resource, context }: Question): string {
  return JSON.stringify({ user, action, resource, context: context ?? {} });
}

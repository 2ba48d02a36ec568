import { sameJson } from './attributes.ts';

/** Compares a defined attribute with a defined operand; a type that does not fit is a plain `false`. */
export type Operator = (attribute: unknown, operand: unknown) => boolean;

type Order = (left: number | string, right: number | string) => boolean;

/** Numbers with numbers and strings with strings: everything else has no order that could be relied on. */
function ordered(order: Order): Operator {
  return (attribute, operand) =>
    (typeof attribute === 'number' && typeof operand === 'number' && order(attribute, operand)) ||
    (typeof attribute === 'string' &&
      typeof operand === 'string' &&
      // Bytes of UTF-8, as Rego sorts, not UTF-16 units.
      order(Buffer.compare(Buffer.from(attribute), Buffer.from(operand)), 0));
}

const lessEquals = ordered((left, right) => left <= right);
const includes = (list: unknown, item: unknown): boolean =>
  Array.isArray(list) && list.some((member) => sameJson(member, item));
const subset = (inner: unknown, outer: unknown): boolean =>
  Array.isArray(inner) && Array.isArray(outer) && inner.every((item) => includes(outer, item));

export const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['equals', sameJson],
  ['not-equals', (attribute, operand) => !sameJson(attribute, operand)],
  ['less-than', ordered((left, right) => left < right)],
  ['greater-than', ordered((left, right) => left > right)],
  ['less-than-equals', lessEquals],
  ['greater-than-equals', ordered((left, right) => left >= right)],
  [
    'contains',
    (attribute, operand) =>
      typeof attribute === 'string' && typeof operand === 'string' && attribute.includes(operand),
  ],
  ['in', (attribute, operand) => includes(operand, attribute)],
  [
    'between',
    (attribute, operand) =>
      Array.isArray(operand) && lessEquals(operand[0], attribute) && lessEquals(attribute, operand[1]),
  ],
  ['array_contains', includes],
  ['array_subset', subset],
  ['array_superset', (attribute, operand) => subset(operand, attribute)],
  [
    'array_intersect',
    (attribute, operand) => Array.isArray(attribute) && attribute.some((item) => includes(operand, item)),
  ],
]);

/** Operators whose operand may be `{ "ref": "user.email" }`. */
export const referring: ReadonlySet<string> = new Set([
  'equals',
  'not-equals',
  'contains',
  'array_contains',
  'less-than',
  'greater-than',
  'less-than-equals',
  'greater-than-equals',
]);

/** What an operand must look like; the control plane refuses others when the set is made. */
export function operandProblem(operator: string, operand: unknown): string | undefined {
  if (operator === 'in' || operator.startsWith('array_su') || operator === 'array_intersect') {
    return Array.isArray(operand) ? undefined : 'takes an array';
  }
  if (operator === 'between') {
    return Array.isArray(operand) && operand.length === 2 ? undefined : 'takes an array of two values';
  }
  if (operator === 'contains') return typeof operand === 'string' ? undefined : 'takes a string';
  return undefined;
}

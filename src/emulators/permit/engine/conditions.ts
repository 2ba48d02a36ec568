import { type Attributes, isObject, valueAt } from './attributes.ts';
import { type Operator, operandProblem, operators, referring } from './operators.ts';

/** What conditions are evaluated over: merged attributes of one question. */
export type ConditionScope = {
  user: Attributes;
  resource: Attributes;
  tenant: Attributes;
  context: Attributes;
  /** Stored attributes of the instance `type:key`; `undefined` when there is none. */
  instance(name: string): Attributes | undefined;
};

/** `item` is the object that a match operator is looking at. */
export type Condition = (scope: ConditionScope, item?: unknown) => boolean;
export type CompiledConditions = { holds: Condition; paths: readonly string[] };

/** Thrown while a condition set is made; `path` says where in the JSON. */
export class InvalidConditions extends Error {
  readonly path: readonly (string | number)[];
  constructor(path: readonly (string | number)[], message: string) {
    super(message);
    this.name = 'InvalidConditions';
    this.path = path;
  }
}

type Where = readonly (string | number)[];
type Subject = 'user' | 'resource' | 'tenant' | 'context';
type Reader = (scope: ConditionScope, item?: unknown) => unknown;

const SUBJECTS: ReadonlyMap<string, Subject> = new Map([
  ['user', 'user'],
  ['subject', 'user'],
  ['resource', 'resource'],
  ['tenant', 'tenant'],
  ['context', 'context'],
  ['environment', 'context'],
]);
const ALL = new Set(['allOf', 'and']);
const ANY = new Set(['anyOf', 'or']);

/**
 * Compiles the JSON conditions of a condition set. An undefined attribute makes its comparison false, also
 * `not-equals`, and true under `not`.
 *
 * @throws {InvalidConditions} for an unknown operator, an unknown path or a malformed group.
 *
 * @example
 * compileConditions({ allOf: [{ 'user.age': { 'greater-than': 17 } }] }).holds(scope);
 */
export function compileConditions(json: unknown): CompiledConditions {
  const paths = new Set<string>();

  function group(value: unknown, where: Where): Condition {
    if (!isObject(value)) throw new InvalidConditions(where, 'a condition is an object');
    return all(Object.entries(value).map(([name, operand]) => member(name, operand, [...where, name])));
  }

  function member(name: string, operand: unknown, where: Where): Condition {
    const logic = logical(name, operand, where, group);
    return logic ?? tests(readerOf(name, where), operand, where);
  }

  /** The right side of an attribute: operators, or logical groups of operators. */
  function tests(read: Reader, value: unknown, where: Where): Condition {
    if (!isObject(value)) throw new InvalidConditions(where, 'an attribute takes an object of operators');
    return all(
      Object.entries(value).map(([name, operand]) => {
        const inner: Where = [...where, name];
        const logic = logical(name, operand, inner, (part, at) => tests(read, part, at));
        return logic ?? comparison(read, name, operand, inner);
      }),
    );
  }

  function comparison(read: Reader, name: string, operand: unknown, where: Where): Condition {
    if (name === 'object_match' || name === 'any_match' || name === 'all_match') {
      return matching(read, name, operand, where);
    }
    const operator = operators.get(name);
    if (!operator) throw new InvalidConditions(where, `unknown operator '${name}'`);
    if (isObject(operand) && Object.hasOwn(operand, 'ref')) {
      return compare(operator, read, referenceOf(name, operand, where));
    }
    const problem = operandProblem(name, operand);
    if (problem) throw new InvalidConditions(where, `'${name}' ${problem}`);
    return compare(operator, read, () => operand);
  }

  function referenceOf(name: string, operand: Attributes, where: Where): Reader {
    const { ref, ...rest } = operand;
    if (!referring.has(name)) throw new InvalidConditions(where, `'${name}' takes no reference`);
    if (typeof ref !== 'string' || Object.keys(rest).length > 0) {
      throw new InvalidConditions(where, 'a reference is {"ref": "<attribute path>"}');
    }
    return readerOf(ref, [...where, 'ref']);
  }

  function matching(read: Reader, name: string, operand: unknown, where: Where): Condition {
    const { match, fk_resource_type: foreignType, ...rest } = isObject(operand) ? operand : {};
    const wellFormed =
      isObject(match) &&
      Object.keys(rest).length === 0 &&
      (foreignType === undefined || typeof foreignType === 'string');
    if (!wellFormed)
      throw new InvalidConditions(where, `'${name}' takes {"match": {…}, "fk_resource_type"?}`);

    const fields = Object.entries(match).map(([field, test]) => {
      const path = field.split('.');
      return tests((_scope, item) => valueAt(item, path), test, [...where, 'match', field]);
    });
    const fits = (scope: ConditionScope, item: unknown): boolean => {
      const object = foreignType === undefined ? item : foreignObject(scope, String(foreignType), item);
      return isObject(object) && fields.every((holds) => holds(scope, object));
    };
    if (name === 'object_match') return (scope, item) => fits(scope, read(scope, item));
    const quantify = name === 'any_match' ? some : every;
    return (scope, item) => quantify(read(scope, item), (member) => fits(scope, member));
  }

  function readerOf(path: string, where: Where): Reader {
    const [head = '', ...steps] = path.split('.');
    const subject = SUBJECTS.get(head);
    if (!subject || steps.length === 0 || steps.includes('')) {
      throw new InvalidConditions(where, `'${path}' is neither a group nor an attribute path`);
    }
    paths.add([subject, ...steps].join('.'));
    return (scope) => valueAt(scope[subject], steps);
  }

  return { holds: group(json, []), paths: [...paths] };
}

type Part = (value: unknown, where: Where) => Condition;

/** `undefined` when `name` is no logical operator. */
function logical(name: string, operand: unknown, where: Where, part: Part): Condition | undefined {
  if (name === 'not') return not(parts(operand, where, part, true));
  if (ALL.has(name)) return all(parts(operand, where, part));
  if (ANY.has(name)) return any(parts(operand, where, part));
  return undefined;
}

function parts(operand: unknown, where: Where, part: Part, single = false): Condition[] {
  if (Array.isArray(operand)) return operand.map((item, i) => part(item, [...where, i]));
  if (single) return [part(operand, where)];
  throw new InvalidConditions(where, 'a group takes an array of conditions');
}

const all = (conditions: readonly Condition[]): Condition =>
  conditions.length === 1 && conditions[0]
    ? conditions[0]
    : (scope, item) => conditions.every((holds) => holds(scope, item));
const any =
  (conditions: readonly Condition[]): Condition =>
  (scope, item) =>
    conditions.some((holds) => holds(scope, item));
const not = (conditions: readonly Condition[]): Condition => {
  const holds = all(conditions);
  return (scope, item) => !holds(scope, item);
};

function compare(operator: Operator, read: Reader, operandOf: Reader): Condition {
  return (scope, item) => {
    const attribute = read(scope, item);
    const operand = operandOf(scope, item);
    return attribute !== undefined && operand !== undefined && operator(attribute, operand);
  };
}

const some = (list: unknown, test: (item: unknown) => boolean): boolean =>
  Array.isArray(list) && list.some(test);
const every = (list: unknown, test: (item: unknown) => boolean): boolean =>
  Array.isArray(list) && list.every(test);

/** With a foreign type, what is matched is an instance key (or several), not an object. */
function foreignObject(scope: ConditionScope, type: string, key: unknown): unknown {
  return typeof key === 'string' ? scope.instance(`${type}:${key}`) : undefined;
}

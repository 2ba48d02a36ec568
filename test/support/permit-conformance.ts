import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formatsPlugin from 'ajv-formats';
import type { Exchange } from '../../src/emulators/permit/rest/serve-rest.ts';
import { exceptions } from './permit-conformance-exceptions.ts';
import { type OpenApi, type Operation, readPermitOpenApi, type Schema } from './permit-openapi.ts';

export type Conformance = {
  /** Give it to `startPermitEmulator({ observe })`. */
  observe(exchange: Exchange): void;
  /** One line for each difference from the document. */
  violations(): string[];
  /** How many calls were checked; a suite that checked none has proved nothing. */
  checked(): number;
};

/**
 * Checks every accepted request and every answer of the REST API against Permit's OpenAPI document.
 *
 * @returns `undefined` when the document is not beside the repository.
 */
export function createConformance(): Conformance | undefined {
  const document = readPermitOpenApi();
  if (!document) return undefined;
  const validate = createValidators(document);
  const violations = new Set<string>();
  let checked = 0;

  function check(where: string, schema: Schema | undefined, value: unknown): void {
    if (!schema) return;
    const validator = validate(schema);
    if (validator(value)) return;
    const [first] = validator.errors ?? [];
    violations.add(`${where}: ${first?.instancePath ?? ''} ${first?.message ?? ''} ${shown(first?.params)}`);
  }

  return {
    checked: () => checked,
    violations: () => [...violations],
    observe({ method, operation, body, query, answer }) {
      checked += 1;
      const where = `${method} ${operation}`;
      const described = document.paths[operation]?.[method.toLowerCase()];
      if (!described) {
        violations.add(`${where}: not in the document`);
        return;
      }
      if (answer.status < 300) {
        check(`${where} request`, schemaOf(described.requestBody), body);
        for (const name of new Set(query.keys())) checkParameter(described, where, name, query.getAll(name));
      }
      checkAnswer(described, `${where} → ${answer.status}`, answer);
    },
  };

  function checkParameter(described: Operation, where: string, name: string, values: string[]): void {
    const parameter = described.parameters?.find((one) => one.in === 'query' && one.name === name);
    // Clients send parameters that an operation does not have; the API ignores them.
    if (!parameter) return;
    const value = parameter.schema.type === 'array' ? values : typed(values[0] ?? '', parameter.schema);
    check(`${where} query ${name}`, parameter.schema, value);
  }

  function checkAnswer(described: Operation, where: string, answer: Exchange['answer']): void {
    const listed = described.responses[answer.status];
    if (listed?.content) {
      // As it travels: `undefined` members are not there.
      check(where, schemaOf(listed), JSON.parse(JSON.stringify(answer.body ?? null)));
    } else if (listed && answer.body === undefined) {
      return;
    } else if (exceptions.errorStatuses.has(answer.status) && !isProxyRefusal(answer)) {
      check(where, { $ref: '#/components/schemas/ErrorDetails' }, answer.body);
    } else if (!exceptions.proxyStatuses.has(answer.status)) {
      violations.add(`${where}: the status is not in the document`);
    }
  }
}

function isProxyRefusal({ status, body }: Exchange['answer']): boolean {
  return (
    exceptions.proxyStatuses.has(status) && typeof body === 'object' && body !== null && 'detail' in body
  );
}

function schemaOf(part: { content?: Record<string, { schema: Schema }> } | undefined): Schema | undefined {
  return part?.content?.['application/json']?.schema;
}

function typed(text: string, schema: Schema): unknown {
  if (schema.type === 'integer' || schema.type === 'number') return Number(text);
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function createValidators(document: OpenApi): (schema: Schema) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  const addFormats = formatsPlugin as unknown as (target: Ajv2020) => void;
  addFormats(ajv);
  ajv.addFormat('uuid', exceptions.uuid);
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => [
    name,
    relaxed(schema),
  ]);
  ajv.addSchema({ $id: 'permit', components: { schemas: Object.fromEntries(schemas) } });
  const compiled = new Map<string, ValidateFunction>();

  return (schema) => {
    const text = JSON.stringify(relaxed(schema)).replaceAll('"#/', '"permit#/');
    const known = compiled.get(text);
    if (known) return known;
    const validator = ajv.compile(JSON.parse(text) as Schema);
    compiled.set(text, validator);
    return validator;
  };
}

/** The document with `null` allowed for every member that is not required, see the exceptions. */
function relaxed(schema: Schema): Schema {
  const copy: Schema = { ...schema };
  for (const name of ['items', 'additionalProperties'] as const) {
    if (isSchema(copy[name])) copy[name] = relaxed(copy[name]);
  }
  for (const name of ['anyOf', 'allOf', 'oneOf'] as const) {
    const parts = copy[name];
    if (Array.isArray(parts)) copy[name] = parts.map((part: Schema) => relaxed(part));
  }
  if (isSchema(copy.properties)) {
    const required = new Set((copy.required as string[] | undefined) ?? []);
    const members = Object.entries(copy.properties).map(([name, member]) => {
      const inner = relaxed(member as Schema);
      return [name, required.has(name) ? inner : { anyOf: [inner, { type: 'null' }] }];
    });
    copy.properties = Object.fromEntries(members);
  }
  return copy;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(params: unknown): string {
  const text = JSON.stringify(params ?? {});
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

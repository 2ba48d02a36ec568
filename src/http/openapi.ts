import { z } from 'zod';

/** A guarded route as the census lists it; only these members are read. */
export type DocumentedRow = {
  method: string;
  path: string;
  authentication: string;
  guard?:
    | {
        readonly kind: string;
        readonly action?: string;
        readonly resource?: string;
        readonly reason?: string;
      }
    | undefined;
};

/** What a person or a client wants to know beyond the guard. */
export type RouteDocument = {
  summary: string;
  description?: string;
  tag?: string;
  /** The header that carries the signature of a route guarded by one. */
  signatureHeader?: string;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Status → what comes back; `schema` is left out where there is no body. */
  responses?: Readonly<Record<number, { description: string; schema?: z.ZodType }>>;
};

export type OpenApiOptions = {
  title: string;
  version: string;
  description?: string;
  baseUrl: string;
  /** `GET /api/reports` → its description. Every key must be a route of the application. */
  routes: Readonly<Record<string, RouteDocument>>;
};

type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the application: every route of the census, described by the zod schemas that
 * also check its requests. Every operation says in `x-guard` what guards it. Those that ask a permission carry
 * `x-permit-resource` and `x-permit-action`; the resource stands on the path as well, which is where
 * `permit env apply openapi` reads it.
 *
 * @throws Error for a description without a route: the two would drift apart unseen.
 * @see https://spec.openapis.org/oas/v3.1.0
 */
export function openApiDocument(rows: readonly DocumentedRow[], options: OpenApiOptions): Json {
  const { title, version, description, baseUrl, routes } = options;
  const listed = rows.filter(({ method }) => method !== 'USE' && method !== 'ALL');
  const names = new Set(listed.map(({ method, path }) => `${method} ${path}`));
  const lost = Object.keys(routes).filter((name) => !names.has(name));
  if (lost.length > 0) throw new Error(`openapi: no such route: ${lost.join(', ')}`);

  const paths: Record<string, Json> = {};
  for (const [path, same] of Map.groupBy(listed, (row) => templateOf(row.path))) {
    const resources = new Set(same.map(({ guard }) => guard?.resource).filter(Boolean));
    paths[path] = {
      ...(resources.size === 1 ? { 'x-permit-resource': [...resources][0] } : {}),
      ...(parametersOf(path).length > 0 ? { parameters: parametersOf(path) } : {}),
      ...Object.fromEntries(
        same.map((row) => [
          row.method.toLowerCase(),
          operationOf(row, routes[`${row.method} ${row.path}`] ?? { summary: `${row.method} ${row.path}` }),
        ]),
      ),
    };
  }

  return {
    openapi: '3.1.0',
    info: { title, version, ...(description ? { description } : {}) },
    servers: [{ url: baseUrl }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: { ...SECURITY_SCHEMES, ...signatureSchemes(Object.values(routes)) },
    },
  };
}

function operationOf(row: DocumentedRow, doc: RouteDocument): Json {
  const { guard } = row;
  const permission = guard?.kind === 'permission' ? guard : undefined;
  const known = guard !== undefined && ['permission', 'authenticated'].includes(guard.kind);
  const query = doc.query ? queryOf(doc.query) : [];
  const expected = Object.entries(doc.responses ?? { 200: { description: 'Success' } });
  const failures = [
    ...(doc.body || doc.query || row.path.includes(':') ? ['400'] : []),
    ...(known ? ['401'] : []),
    ...(permission ? ['403', '503'] : []),
  ];
  return {
    summary: doc.summary,
    ...(doc.description ? { description: doc.description } : {}),
    ...(doc.tag ? { tags: [doc.tag] } : {}),
    ...(permission ? { 'x-permit-resource': permission.resource, 'x-permit-action': permission.action } : {}),
    ...(guard ? { 'x-guard': { kind: guard.kind, ...(guard.reason ? { reason: guard.reason } : {}) } } : {}),
    security: securityOf(row, doc),
    ...(query.length > 0 ? { parameters: query } : {}),
    ...(doc.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(doc.body, 'input') } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        expected.map(([status, { description, schema }]) => [
          status,
          {
            description,
            ...(schema ? { content: { 'application/json': { schema: jsonSchema(schema, 'output') } } } : {}),
          },
        ]),
      ),
      ...Object.fromEntries(failures.map((status) => [status, problemOf(FAILURES[status] as string)])),
    },
  };
}

/** A token in a body has no place among OpenAPI's schemes: `x-guard` alone tells of it. */
function securityOf(
  { guard, authentication }: DocumentedRow,
  doc: RouteDocument,
): Record<string, string[]>[] {
  if (!guard || guard.kind === 'public') return [];
  if (guard.kind === 'signature') return doc.signatureHeader ? [{ [doc.signatureHeader]: [] }] : [];
  if (guard.kind === 'session') return [{ session: [] }];
  const ways = ['bearer', 'session'].filter((way) => authentication.split(' or ').includes(way));
  return (ways.length > 0 ? ways : ['bearer', 'session']).map((way) => ({ [way]: [] }));
}

function signatureSchemes(documents: readonly RouteDocument[]): Json {
  const headers = documents.flatMap(({ signatureHeader }) => signatureHeader ?? []);
  return Object.fromEntries(
    headers.map((name) => [
      name,
      { type: 'apiKey', in: 'header', name, description: 'Signature of the raw body' },
    ]),
  );
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  // Dates leave as text; what has no JSON form is left open rather than failing the start.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
}

function queryOf(schema: z.ZodObject): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: property,
  }));
}

/** Express writes `/reports/:reportId`, OpenAPI `/reports/{reportId}`. */
function templateOf(path: string): string {
  return path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');
}

function parametersOf(template: string): Json[] {
  return [...template.matchAll(/\{([A-Za-z0-9_]+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

const FAILURES: Readonly<Record<string, string>> = {
  400: 'Not valid; `errors` lists every problem',
  401: 'Nobody, or a token that is no good',
  403: 'Not permitted, or no such object',
  503: 'A dependency is unusable; try again after `Retry-After` seconds',
};

function problemOf(description: string): Json {
  return {
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

const text = { type: 'string' };

/** RFC 9457, as every failure of the application looks. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'instance'],
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    code: text,
    instance: { ...text, description: 'Request id' },
    detail: text,
    errors: {
      type: 'array',
      items: { type: 'object', required: ['path', 'message'], properties: { path: text, message: text } },
    },
  },
};

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Logto access token for this API',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'session',
    description: 'Browser session, signed in at /logto/sign-in',
  },
};

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Schema = { [member: string]: unknown };
export type Operation = {
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
};
export type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

/**
 * Permit's own OpenAPI document, which lies beside the repository or where `PERMIT_OPENAPI` says; `undefined`, said
 * aloud, when it does not.
 */
export function readPermitOpenApi(): OpenApi | undefined {
  const beside = new URL('../../../shared/contracts/permit/openapi-3.1.0.json', import.meta.url);
  const location = process.env.PERMIT_OPENAPI ?? fileURLToPath(beside);
  if (existsSync(location)) return JSON.parse(readFileSync(location, 'utf8')) as OpenApi;
  process.stderr.write(`SKIPPED: Permit's OpenAPI document is not at ${location}\n`);
  return undefined;
}

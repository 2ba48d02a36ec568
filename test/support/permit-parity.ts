import { decisionEndpoints, endpointsBehind } from '../../src/emulators/permit/pdp/decision-endpoints.ts';
import { pdpPages } from '../../src/emulators/permit/pdp/pages.ts';
import type { Route } from '../../src/emulators/permit/rest/route.ts';
import type { OpenApi } from './permit-openapi.ts';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** Which operations of Permit's document the emulator has, as a page. */
export function parityPage(document: OpenApi, routes: readonly Route[]): string {
  const byName = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => {
      const name = `${method.toUpperCase()} ${path}`;
      return { name, group: groupOf(path), state: stateOf(byName.get(name)) };
    }),
  );
  const emulated = operations.filter(({ state }) => state !== NOT_EMULATED).length;
  const groups = Map.groupBy(operations, ({ group }) => group);
  const tables = [...groups].map(([group, rows]) =>
    [
      `## ${group}`,
      '',
      '| operation | emulated |',
      '|---|---|',
      ...rows.map(({ name, state }) => `| \`${name}\` | ${state} |`),
      '',
    ].join('\n'),
  );
  const pdp = [
    ...[...decisionEndpoints.keys(), ...endpointsBehind.keys()].map((path) => `POST ${path}`),
    ...[...pdpPages].map(([path, { method }]) => `${method} ${path}`),
    '/facts/*, as /v2/facts/{proj_id}/{env_id}/* through the decision point',
    'POST /v1/data/permit/root, on the OPA port',
  ];
  return `${[
    '# Permit emulator: what it has and what it lacks',
    '',
    '<!-- Generated from the router and the OpenAPI document: PERMIT_WRITE_PARITY=1 npm test -- test/emulators/permit/parity -->',
    '',
    `Of the ${operations.length} operations in Permit's OpenAPI document, ${emulated} are emulated: every one that \`permitio\` 2.7.6 calls.`,
    'The others answer 501 with code `not_emulated`. How far the emulated ones go, and what public material leaves open, is told in [permit-emulator.md](permit-emulator.md).',
    '',
    '## Decision point (not in the document)',
    '',
    ...pdp.map((name) => `- \`${name}\``),
    '',
    ...tables,
  ]
    .join('\n')
    .trimEnd()}\n`;
}

const NOT_EMULATED = 'no: 501';

function stateOf(route: Route | undefined): string {
  if (!route) return NOT_EMULATED;
  return route.partly === undefined ? 'yes' : `partly: ${route.partly}`;
}

function groupOf(path: string): string {
  const [, , area = '', ...rest] = path.split('/');
  const named = rest.filter((segment) => segment !== '' && !segment.startsWith('{'));
  if (area === 'facts' || area === 'schema') return `${area}: ${named[0] ?? ''}`;
  return area;
}

import { STYLE } from './docs-page-style.ts';

type Json = Record<string, unknown>;

/**
 * The API description as one HTML page: no script, no font, no address but its own, so that it works offline
 * and under the strictest content security policy. `style` is the one inline style, for the policy's hash.
 */
export function docsPage(document: Json): { html: string; style: string } {
  const info = document.info as { title: string; version: string; description?: string };
  const paths = document.paths as Record<string, Json>;
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.has(method))
      .map(([method, operation]) => ({
        path,
        method,
        operation: operation as Json,
        parameters: [
          ...((item.parameters as Json[]) ?? []),
          ...(((operation as Json).parameters as Json[]) ?? []),
        ],
      })),
  );
  const groups = Map.groupBy(operations, ({ path, operation }) => groupOf(path, operation));
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(info.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(info.title)} <small>${escapeHtml(info.version)}</small></h1>
${info.description ? `<p>${escapeHtml(info.description)}</p>` : ''}
<p>Machine-readable: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1)</p>
<nav>${[...groups.keys()].map((group) => `<a href="#${slug(group)}">${escapeHtml(group)}</a>`).join(' ')}</nav>
</header>
<main>
${[...groups].map(([group, found]) => `<section id="${slug(group)}"><h2>${escapeHtml(group)}</h2>\n${found.map(operationHtml).join('\n')}</section>`).join('\n')}
</main>
</body>
</html>
`;
  return { html, style: STYLE };
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'patch', 'head', 'options']);

function groupOf(path: string, operation: Json): string {
  const tag = (operation.tags as string[] | undefined)?.[0];
  return tag ?? path.split('/').find((part) => part !== '' && part !== 'api') ?? 'root';
}

function operationHtml(entry: { path: string; method: string; operation: Json; parameters: Json[] }): string {
  const { path, method, operation, parameters } = entry;
  const body = (operation.requestBody as { content?: Record<string, { schema: Json }> } | undefined)?.content;
  const responses = operation.responses as Record<string, Json>;
  return `<details>
<summary><b class="${method}">${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> <span class="what">${escapeHtml(String(operation.summary))}</span> ${badgeOf(operation)}</summary>
${operation.description ? `<p>${escapeHtml(String(operation.description))}</p>` : ''}
${parameters.length > 0 ? `<h3>Parameters</h3>${parameterTable(parameters)}` : ''}
${body ? `<h3>Body</h3>${schemaHtml(Object.values(body)[0]?.schema)}` : ''}
<h3>Answers</h3>
<table>${Object.entries(responses).map(responseRow).join('')}</table>
</details>`;
}

function badgeOf(operation: Json): string {
  const action = operation['x-permit-action'];
  if (action)
    return `<span class="guard">${escapeHtml(`${operation['x-permit-resource']}:${action}`)}</span>`;
  const { kind = 'none', reason = '' } = (operation['x-guard'] ?? {}) as { kind?: string; reason?: string };
  const open = kind === 'public' || kind === 'none';
  return `<span class="${open ? 'open' : 'guard'}" title="${escapeHtml(reason)}">${escapeHtml(BADGES[kind] ?? kind)}</span>`;
}

const BADGES: Readonly<Record<string, string>> = { authenticated: 'signed in', none: 'no guard' };

function parameterTable(parameters: Json[]): string {
  const rows = parameters.map(
    ({ name, in: place, required, schema }) =>
      `<tr><td><code>${escapeHtml(String(name))}</code></td><td>${escapeHtml(String(place))}${required ? ', required' : ''}</td><td><code>${escapeHtml(JSON.stringify(schema))}</code></td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function responseRow([status, response]: [string, Json]): string {
  const content = response.content as Record<string, { schema?: Json }> | undefined;
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  const schema = media?.schema && !('$ref' in media.schema) ? schemaHtml(media.schema) : '';
  return `<tr><td><b>${escapeHtml(status)}</b></td><td>${escapeHtml(String(response.description))}${type ? ` <small>${escapeHtml(type)}</small>` : ''}${schema}</td></tr>`;
}

function schemaHtml(schema: unknown): string {
  return `<pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre>`;
}

function slug(group: string): string {
  return group.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

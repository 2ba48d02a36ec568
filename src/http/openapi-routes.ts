import { createHash } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { docsPage } from './docs-page.ts';

/**
 * Serves the API description and its page. The document is built at the first request, when every route is
 * there; the page is plain HTML and works with no network and no script.
 *
 * @example
 * const { json, page } = openApiHandlers(() => openApiDocument(routeTable(app), description));
 * app.get('/openapi.json', publicRoute('API description'), json);
 * app.get('/docs', publicRoute('API description'), page);
 */
export function openApiHandlers(build: () => Record<string, unknown>): {
  json: RequestHandler;
  page: RequestHandler;
} {
  let document: Record<string, unknown> | undefined;
  let page: { html: string; policy: string } | undefined;
  const documentOnce = () => {
    document ??= build();
    return document;
  };

  return {
    json: function serveOpenApi(_req: Request, res: Response) {
      res.json(documentOnce());
    },
    page: function serveDocs(_req: Request, res: Response) {
      page ??= renderPage(documentOnce());
      res.set('Content-Security-Policy', page.policy).type('html').send(page.html);
    },
  };
}

function renderPage(document: Record<string, unknown>): { html: string; policy: string } {
  const { html, style } = docsPage(document);
  const hash = createHash('sha256').update(style).digest('base64');
  return {
    html,
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

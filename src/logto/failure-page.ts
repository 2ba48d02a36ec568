import { createHash } from 'node:crypto';
import type { Response } from 'express';
import type { ProblemError } from '../errors.ts';

const STYLE = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; }
main { max-width: 26rem; padding: 2rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; }
a { display: inline-block; margin-top: 1rem; padding: .6rem 1.2rem; border-radius: .4rem; background: #4338ca; color: #fff; text-decoration: none; }
a:focus-visible { outline: 3px solid #a5b4fc; outline-offset: 2px; }
small { display: block; margin-top: 2rem; opacity: .75; overflow-wrap: anywhere; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);

/**
 * Answers a failed sign-in as a page, for people. It names no cause, runs no script, loads nothing, and its
 * address, which may hold an authorization code, is referred to nobody.
 *
 * @param returnTo path to come back to when the sign-in is begun again.
 */
export function sendFailurePage(res: Response, problem: ProblemError, returnTo: string): void {
  const outage = problem.status >= 500;
  const title = outage ? 'Signing in is not possible right now' : 'The sign-in did not work';
  const text = outage
    ? 'Please try again in a moment.'
    : (problem.detail ?? 'The sign-in could not be completed.');
  const again = `/logto/sign-in?returnTo=${encodeURIComponent(returnTo)}`;
  const reference = res.get('X-Request-Id');
  res
    .status(problem.status)
    .set(problem.headers)
    .set({
      'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    .type('html')
    .send(
      `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
<a href="${escaped(again)}">Sign in again</a>
${reference ? `<small>Reference: ${escaped(reference)}</small>` : ''}
</main></body></html>
`,
    );
}

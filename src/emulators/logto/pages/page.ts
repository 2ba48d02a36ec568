import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { type Html, html } from './html.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c9c9d4, #474754); --soft: light-dark(#f4f3fa, #23222c); --accent: light-dark(#4527a0, #b9a7ff); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 26rem; font: 1rem/1.5 system-ui, sans-serif; }
body.wide { max-width: 76rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.note { color: light-dark(#555563, #b4b4c2); margin: 0 0 1rem; font-size: .9rem; }
.error { border: 2px solid light-dark(#b3261e, #ff8a80); border-radius: .5rem; padding: .6rem .8rem; }
form { margin: 0; } fieldset { border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 1rem; padding: 1rem; }
legend { padding: 0 .4rem; font-weight: 600; }
label { display: block; margin: .6rem 0 .2rem; }
input { width: 100%; padding: .5rem .6rem; font: inherit; border: 1px solid var(--line); border-radius: .4rem; }
button { font: inherit; padding: .5rem .9rem; border: 1px solid var(--accent); border-radius: .4rem; background: var(--accent); color: light-dark(#fff, #14131a); cursor: pointer; }
button.plain { background: transparent; color: inherit; border-color: var(--line); }
button.row { display: flex; justify-content: space-between; gap: 1rem; width: 100%; margin: .35rem 0; text-align: left; }
button:focus-visible, a:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; gap: .6rem; margin-top: 1rem; align-items: center; flex-wrap: wrap; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { background: var(--soft); white-space: nowrap; } td form { display: inline; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
a { color: var(--accent); }
`;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * Sends a page: nothing from elsewhere, not framed, not kept, and no script but the one given, which the page
 * must work without. `formTargets` are origins to which a form on it may lead by redirect (`form-action`
 * counts redirects as well).
 */
export function sendPage(
  res: Response,
  title: string,
  content: Html,
  options: { status?: number; wide?: boolean; formTargets?: readonly string[]; script?: string } = {},
): void {
  const { status = 200, wide = false, formTargets = [], script } = options;
  const targets = ["'self'", ...formTargets].join(' ');
  const scripts = script === undefined ? '' : `script-src ${hashOf(script)}; `;
  res.status(status).set({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; ${scripts}style-src ${hashOf(STYLE)}; form-action ${targets}; frame-ancestors 'none'; base-uri 'none'`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  });
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Logto emulator</title>
<style>${{ markup: STYLE }}</style>
</head>
<body${wide ? html` class="wide"` : ''}>
<main>
${content}
</main>
${script !== undefined && html`<script>${{ markup: script }}</script>`}
</body>
</html>
`;
  res.type('html').send(page.markup);
}

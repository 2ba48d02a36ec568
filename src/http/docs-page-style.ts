/** The one style of the API page; it follows the reader's light or dark setting. */
export const STYLE = `
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --accent: #2f6f4f; --ink: CanvasText; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 2rem 1rem 4rem; color: var(--ink); }
h1 { margin: 0 0 .25rem; } h1 small { font-size: 1rem; font-weight: 400; opacity: .65; }
h2 { margin: 2rem 0 .5rem; text-transform: capitalize; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { margin: 1rem 0 .25rem; font-size: .85rem; text-transform: uppercase; letter-spacing: .05em; opacity: .7; }
nav a { display: inline-block; margin: 0 .75rem .25rem 0; text-transform: capitalize; }
a { color: LinkText; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 1rem; }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; padding: .6rem 0; margin: 0 -.25rem; }
summary b { display: inline-block; min-width: 4.5rem; text-align: center; border-radius: .3rem; padding: .1rem .4rem; font-size: .8rem; color: #fff; background: #555; }
b.get { background: #1f6feb; } b.post { background: #2f7d4f; } b.put, b.patch { background: #9a6700; } b.delete { background: #b42318; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
.what { flex: 1 1 14rem; opacity: .8; }
.guard, .open { font: .8rem/1.6 ui-monospace, monospace; border-radius: 1rem; padding: 0 .6rem; border: 1px solid var(--line); }
.guard { border-color: #2f7d4f; }
pre { background: var(--soft); padding: .75rem; border-radius: .4rem; overflow: auto; max-height: 24rem; margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .35rem .75rem .35rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; width: 1%; }
`;

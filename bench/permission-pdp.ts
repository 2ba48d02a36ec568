import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { childOptions, sayReady } from './child.ts';

/**
 * The decision point of the benchmark, and the issuer's key set: it allows everything after `delayMs`, as fast as
 * Node can, so that what is measured is the way to it.
 */
const { jwks, port = 0, ...options } = childOptions<{ jwks: unknown; delayMs: number; port?: number }>();
let { delayMs } = options;
let calls = 0;
const ALLOWED = JSON.stringify({ allow: true });

const server = createServer((req, res) => {
  const path = req.url ?? '';
  if (path === '/jwks')
    return void res.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
  if (path === '/calls') return void res.end(String(calls));
  if (path.startsWith('/delay/')) {
    delayMs = Number(path.slice(7));
    return void res.end();
  }
  calls += 1;
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (chunk: string) => {
    body += chunk;
  });
  req.on('end', () => {
    const answer = path === '/allowed/bulk' ? bulk(body) : ALLOWED;
    const send = () => res.setHeader('content-type', 'application/json').end(answer);
    if (delayMs > 0) setTimeout(send, delayMs);
    else send();
  });
});

function bulk(body: string): string {
  const { length } = JSON.parse(body) as unknown[];
  return `{"allow":[${Array.from({ length }, () => ALLOWED).join(',')}]}`;
}

server.keepAliveTimeout = 60_000;
server.listen(port, '127.0.0.1');
await once(server, 'listening');
sayReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

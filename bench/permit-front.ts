import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { childOptions, sayReady } from './child.ts';

/**
 * Permit.io as far away as a network makes it: every answer takes `delayMs` more. Decisions are answered here
 * (yes), as a decision point beside the application does; everything else is the emulator's.
 */
const { permitUrl, delayMs } = childOptions<{ permitUrl: string; delayMs: number }>();
const { hostname, port } = new URL(permitUrl);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const ALLOWED = JSON.stringify({ allow: true });

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => setTimeout(() => answer(Buffer.concat(chunks)), delayMs));

  function answer(body: Buffer): void {
    if (req.url === '/allowed') return void res.setHeader('content-type', 'application/json').end(ALLOWED);
    if (req.url === '/allowed/bulk') {
      const { length } = JSON.parse(body.toString()) as unknown[];
      const allow = Array.from({ length }, () => ALLOWED).join(',');
      return void res.setHeader('content-type', 'application/json').end(`{"allow":[${allow}]}`);
    }
    const { connection: _, host: __, 'transfer-encoding': ___, ...headers } = req.headers;
    const onward = request(
      {
        hostname,
        port,
        path: req.url,
        method: req.method,
        agent,
        headers: { ...headers, host: `${hostname}:${port}`, 'content-length': body.length },
      },
      (got) => {
        res.writeHead(got.statusCode ?? 502, { 'content-type': got.headers['content-type'] ?? 'text/plain' });
        got.pipe(res);
      },
    );
    onward.on('error', () => res.writeHead(502).end());
    onward.end(body);
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
sayReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

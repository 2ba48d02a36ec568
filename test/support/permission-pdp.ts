import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type PdpQuestion = {
  user: { key: string };
  action: string;
  resource: { type: string; key?: string; tenant: string; attributes?: Record<string, unknown> };
  context: Record<string, unknown>;
};

export type ScriptedPdp = {
  url: string;
  /** Calls so far, oldest first. */
  calls: { path: string; body: unknown; headers: IncomingMessage['headers'] }[];
  /** Decides the ordinary answers. */
  decide: (question: PdpQuestion) => boolean;
  permissions: Record<string, unknown>;
  /** Takes the call over when set; resolves `false` to answer as usual. */
  fault: ((path: string, res: ServerResponse, body: unknown) => boolean | Promise<boolean>) | undefined;
  questions(): PdpQuestion[];
  close(): Promise<void>;
};

/** A decision point on a real socket that answers what a test tells it to, faults included. */
export async function startScriptedPdp(port = 0): Promise<ScriptedPdp> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString() || 'null');
    const path = req.url ?? '';
    pdp.calls.push({ path, body, headers: req.headers });
    if (pdp.fault && (await pdp.fault(path, res, body))) return;
    res.setHeader('content-type', 'application/json');
    if (path === '/allowed') return void res.end(JSON.stringify({ allow: pdp.decide(body as PdpQuestion) }));
    if (path === '/allowed/bulk') {
      const allow = (body as PdpQuestion[]).map((question) => ({ allow: pdp.decide(question) }));
      return void res.end(JSON.stringify({ allow }));
    }
    if (path === '/user-permissions') return void res.end(JSON.stringify(pdp.permissions));
    res.statusCode = 404;
    res.end('{}');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const pdp: ScriptedPdp = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    decide: () => false,
    permissions: {},
    fault: undefined,
    questions: () => pdp.calls.flatMap(({ body }) => body as PdpQuestion | PdpQuestion[]),
    async close() {
      server.closeAllConnections();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
  return pdp;
}

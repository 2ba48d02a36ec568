import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = {
  path: string;
  headers: IncomingHttpHeaders;
  rawBody: string;
  body: Record<string, unknown>;
  verified: boolean;
};

export type Receiver = {
  url: string;
  received: Received[];
  events(): unknown[];
  /** Statuses for the next requests; 200 afterwards. */
  answerWith(...statuses: number[]): void;
  close(): Promise<void>;
};

/** Something that receives webhooks, checks their signature and remembers them. */
export async function openReceiver(signingKey: string, port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const statuses: number[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const signature = String(req.headers['logto-signature-sha-256'] ?? '');
    received.push({
      path: req.url ?? '',
      headers: req.headers,
      rawBody: raw.toString('utf8'),
      body: jsonOf(raw),
      verified: same(createHmac('sha256', signingKey).update(raw).digest('hex'), signature),
    });
    res.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' }).end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    events: () => received.map(({ body }) => body.event),
    answerWith: (...next) => void statuses.push(...next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function jsonOf(raw: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(raw.toString('utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function same(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

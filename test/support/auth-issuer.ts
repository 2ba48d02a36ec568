import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SigningKey } from './auth-keys.ts';

export type IssuerFault =
  | 'none'
  | 'reset'
  | 'error'
  | 'html'
  | 'empty'
  | 'null'
  | 'hang'
  | 'redirect'
  | 'huge'
  | 'half';

export type TestIssuer = {
  issuer: string;
  jwksUri: string;
  /** What the key set holds; any JSON, so that tests can put broken keys in. */
  keys: unknown[];
  /** Applies to the key set. */
  fault: IssuerFault;
  discovery: { fault: IssuerFault; document: Record<string, unknown> };
  redirectTo: string;
  delayMs: number;
  /** Fetches of the key set so far. */
  fetches(): number;
  discoveries(): number;
  /** Highest number of fetches that were under way at one time. */
  mostAtOnce(): number;
  close(): Promise<void>;
};

/** Five megabytes, as slowly as the other side reads them. */
function pour(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  let left = 80;
  const chunk = Buffer.alloc(65_536, ' ');
  const more = () => {
    while (left > 0 && res.writable) {
      left -= 1;
      if (!res.write(chunk)) return;
    }
    res.end('{"keys":[]}');
  };
  res.on('drain', more);
  more();
}

/** An identity provider that is good for one thing: publishing keys, well or badly. */
export async function startTestIssuer(keys: readonly SigningKey[]): Promise<TestIssuer> {
  let fetches = 0;
  let discoveries = 0;
  let atOnce = 0;
  let mostAtOnce = 0;

  const server = createServer((req, res) => {
    if (req.url === '/oidc/.well-known/openid-configuration') {
      discoveries += 1;
      answer(req, res, issuer.discovery.fault, issuer.discovery.document);
      return;
    }
    fetches += 1;
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    res.once('close', () => {
      atOnce -= 1;
    });
    setTimeout(() => answer(req, res, issuer.fault, { keys: issuer.keys }), issuer.delayMs);
  });

  function answer(req: IncomingMessage, res: ServerResponse, fault: IssuerFault, document: unknown): void {
    const json = (body: string) => res.writeHead(200, { 'content-type': 'application/json' }).end(body);
    switch (fault) {
      case 'reset':
        req.socket.destroy();
        return;
      case 'error':
        res.writeHead(500).end('{"message":"broken"}');
        return;
      case 'html':
        res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>maintenance');
        return;
      case 'empty':
        json('{"keys":[]}');
        return;
      case 'null':
        json('null');
        return;
      case 'hang':
        return;
      case 'redirect':
        res.writeHead(302, { location: issuer.redirectTo }).end();
        return;
      case 'huge':
        pour(res);
        return;
      case 'half':
        res.writeHead(200, { 'content-length': '1000' }).write('{"keys":[');
        setImmediate(() => req.socket.destroy());
        return;
      default:
        json(JSON.stringify(document));
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: TestIssuer = {
    issuer: `${origin}/oidc`,
    jwksUri: `${origin}/oidc/jwks`,
    keys: keys.map((key) => key.jwk),
    fault: 'none',
    discovery: { fault: 'none', document: { issuer: `${origin}/oidc`, jwks_uri: `${origin}/oidc/jwks` } },
    redirectTo: `${origin}/elsewhere`,
    delayMs: 0,
    fetches: () => fetches,
    discoveries: () => discoveries,
    mostAtOnce: () => mostAtOnce,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Listening = { server: Server; port: number; close(): Promise<void> };

/**
 * Listens on 127.0.0.1 only; port 0 takes a free one. `close` ends open connections too, so that no test
 * waits for a keep-alive or a hanging answer.
 */
export function listenOnLoopback(listener: RequestListener, port: number): Promise<Listening> {
  const server = createServer(listener);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ server, port: (server.address() as AddressInfo).port, close });
    });
  });
}

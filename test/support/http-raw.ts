import { connect, type Socket } from 'node:net';

export type RawAnswer = {
  status: number;
  /** Lower-case names; values of a repeated header joined by a comma. */
  headers: Record<string, string>;
  body: string;
};

/** Opens a socket to a server of ours on loopback. */
export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends bytes as they are and reads until the server ends the connection, or the deadline. */
export async function exchange(
  port: number,
  bytes: string | Buffer,
  { deadlineMs = 5_000 } = {},
): Promise<RawAnswer[]> {
  const socket = await openSocket(port);
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no end within ${deadlineMs} ms`)), deadlineMs);
    const finish = () => {
      clearTimeout(timer);
      resolve(parseAnswers(Buffer.concat(chunks)));
    };
    socket.removeAllListeners('error');
    // A server that refuses may close before it has read everything; what it said still counts.
    socket.on('error', (error) => (chunks.length > 0 ? finish() : reject(error)));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', finish);
    socket.write(bytes);
  });
}

export type RawRequest = {
  method?: string;
  path: string;
  headers?: readonly string[];
  body?: string | Buffer;
};

/** One request, header lines byte for byte (latin1), `Connection: close`. */
export async function sendRaw(
  port: number,
  request: RawRequest,
  options?: { deadlineMs?: number },
): Promise<RawAnswer> {
  const { method = 'GET', path, headers = [], body = '' } = request;
  const length = Buffer.byteLength(body);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...(headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: localhost']),
    ...headers,
    ...(length > 0 && !headers.some((line) => /^(content-length|transfer-encoding):/i.test(line))
      ? [`Content-Length: ${length}`]
      : []),
    'Connection: close',
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const [answer] = await exchange(port, Buffer.concat([head, Buffer.from(body)]), options);
  if (!answer) throw new Error('the server ended the connection without an answer');
  return answer;
}

/** Splits what came over one connection into answers, by their `Content-Length` or chunks. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) break;
    const [statusLine = '', ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const status = Number(statusLine.split(' ')[1]);
    rest = rest.subarray(headEnd + 4);
    if (status < 200) continue;
    let body = '';
    if (headers['transfer-encoding'] === 'chunked') {
      let sizeEnd = rest.indexOf('\r\n');
      let size = Number.parseInt(rest.subarray(0, sizeEnd).toString(), 16);
      while (size > 0) {
        body += rest.subarray(sizeEnd + 2, sizeEnd + 2 + size).toString();
        rest = rest.subarray(sizeEnd + 2 + size + 2);
        sizeEnd = rest.indexOf('\r\n');
        size = Number.parseInt(rest.subarray(0, sizeEnd).toString(), 16);
      }
      rest = rest.subarray(sizeEnd + 4);
    } else {
      const length =
        headers['content-length'] === undefined ? rest.length : Number(headers['content-length']);
      body = rest.subarray(0, length).toString();
      rest = rest.subarray(length);
    }
    answers.push({ status, headers, body });
  }
  return answers;
}

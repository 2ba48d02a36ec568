import type { IncomingMessage, ServerResponse } from 'node:http';
import { isTooDeep } from '../control/json-depth.ts';

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/** The request's bytes; `undefined` when there are more than the emulator takes. */
export async function readBytes(req: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_LIMIT_BYTES) chunks.push(chunk);
  }
  if (size > BODY_LIMIT_BYTES) return undefined;
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @throws TypeError for bytes that are no UTF-8: what replaces them must not become part of a key. SyntaxError
 *   for what is no JSON, or nested deeper than it could be written again.
 */
export function jsonOf(bytes: Buffer): unknown {
  const json: unknown = JSON.parse(utf8.decode(bytes));
  if (isTooDeep(json)) throw new SyntaxError('recursion limit exceeded');
  return json;
}

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
  // As a string it leaves in one write with the header; a buffer would take two.
  res.end(text);
}

export function sendText(res: ServerResponse, status: number, text: string): void {
  const bytes = Buffer.from(text);
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': bytes.length });
  res.end(bytes);
}

export function sendNothing(res: ServerResponse, status: number): void {
  res.writeHead(status);
  res.end();
}

export function urlOf(req: IncomingMessage): { path: string; search: string } {
  const url = req.url ?? '';
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, search: '' } : { path: url.slice(0, mark), search: url.slice(mark + 1) };
}

export function bearerOf(req: IncomingMessage): string | undefined {
  const header = req.headers.authorization;
  return header !== undefined && /^bearer /i.test(header) ? header.slice('bearer '.length) : undefined;
}

export function isJson(req: IncomingMessage): boolean {
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === 'application/json' || /^application\/[^ ]+\+json$/.test(type);
}

/** So that the request log can show what was read. */
export function rememberBody(req: IncomingMessage, body: unknown): void {
  (req as IncomingMessage & { body?: unknown }).body = body;
}

import { isUtf8 } from 'node:buffer';
import express, { type Request, type RequestHandler } from 'express';
import { InvalidInput, UnsupportedMediaType } from '../errors.ts';

const DEPTH_LIMIT = 64;

/** Members that change an object's class instead of its data as soon as somebody copies them. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads a JSON body into `req.body`: `application/json` in UTF-8, not compressed, an object or a list, not nested
 * deeper than 64, without `__proto__` and its kin. Bodies of any other type are refused, not ignored.
 *
 * @param options.limitBytes Default 100 KB.
 * @throws (on a request) `PayloadTooLarge`, `UnsupportedMediaType`, `InvalidInput`.
 *
 * @example
 * router.post('/reports', jsonBody(), createReport);
 */
export function jsonBody({ limitBytes = 102_400 }: { limitBytes?: number } = {}): RequestHandler {
  const parse = express.json({
    strict: true,
    inflate: false,
    limit: limitBytes,
    type: () => true,
    verify(_req, _res, raw) {
      if (!isUtf8(raw)) throw new Error('not UTF-8');
    },
  });
  return async function readJsonBody(req, res, next) {
    if (!hasBody(req)) return next();
    if (!isJson(req)) {
      throw new UnsupportedMediaType('not application/json in UTF-8', { detail: 'send application/json' });
    }
    await new Promise<void>((resolve, reject) => {
      parse(req, res, (error?: unknown) => (error ? reject(error) : resolve()));
    });
    requirePlainData(req.body);
    next();
  };
}

export function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

function isJson(req: Request): boolean {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  if (type !== 'application/json') return false;
  return parameters.every(
    (parameter) => !parameter.startsWith('charset=') || /^charset="?utf-8"?$/.test(parameter),
  );
}

/** Level by level and not recursive: ten thousand brackets must not overflow the stack. */
function requirePlainData(body: unknown): void {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_LIMIT)
      throw new InvalidInput([{ path: 'body', message: `is nested deeper than ${DEPTH_LIMIT}` }]);
    level = level.flatMap(membersOf);
  }
}

function membersOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const forbidden = Object.keys(value).find((key) => FORBIDDEN.has(key));
  if (forbidden !== undefined)
    throw new InvalidInput([{ path: forbidden, message: 'is not a member that data can have' }]);
  return Object.values(value);
}

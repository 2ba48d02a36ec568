import type { Request, Response } from 'express';
import {
  InvalidInput,
  PayloadTooLarge,
  ProblemError,
  RequestTimeout,
  UnsupportedMediaType,
} from '../errors.ts';

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

/** JSON in UTF-8, not compressed: a signature over something that is unpacked later protects nothing. */
export function requirePlainJson(req: Request): void {
  if (!JSON_TYPE.test(req.headers['content-type'] ?? ''))
    throw new UnsupportedMediaType('not application/json in UTF-8');
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new UnsupportedMediaType('content encoding');
  }
}

/** How many more bytes the bodies that are being read may have together; shared by the requests of a router. */
export type BodyRoom = { bytes: number };

/**
 * The bytes of the body as they came, which the signature covers; a parsed body is of no use.
 *
 * @param options.limitBytes more is a 413.
 * @param options.room when it is used up, the request that wants more is a 503.
 * @param options.timeoutMs for the whole body; a sender that is slower gets a 408.
 * @throws Error when another parser has been at it: the router must stand before `express.json()`.
 */
export async function readRawBody(
  req: Request,
  res: Response,
  options: { limitBytes: number; timeoutMs: number; room: BodyRoom },
): Promise<Buffer> {
  const { limitBytes, timeoutMs, room } = options;
  if (Buffer.isBuffer(req.body)) return req.body;
  if (req.body !== undefined || req.readableEnded) {
    throw new Error('the webhook body was parsed already: mount webhooks() before express.json()');
  }
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
    leaveUnread(req, res);
    throw new PayloadTooLarge();
  }

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => {
      // What still trickles in has nobody to read it.
      res.once('finish', () => req.destroy());
      fail(new RequestTimeout('the body came too slowly'));
    }, timeoutMs);
    timer.unref();

    function done(): void {
      clearTimeout(timer);
      room.bytes += length;
      req.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
    }
    function fail(error: Error): void {
      done();
      res.set('Connection', 'close');
      reject(error);
    }
    function refuse(error: Error): void {
      done();
      leaveUnread(req, res);
      reject(error);
    }
    function onData(chunk: Buffer): void {
      length += chunk.length;
      room.bytes -= chunk.length;
      if (length > limitBytes) refuse(new PayloadTooLarge());
      else if (room.bytes < 0) refuse(noRoom());
      else chunks.push(chunk);
    }
    function onEnd(): void {
      done();
      resolve(Buffer.concat(chunks, length));
    }
    function onCut(): void {
      // There is nobody left to answer, but the request must come to its end.
      req.on('error', () => undefined);
      fail(new InvalidInput([{ path: '', message: 'the body was cut short' }]));
    }
    req.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
  });
}

/** For a body that nobody will read: its sender, still writing, reads the answer only when its bytes go somewhere. */
export function leaveUnread(req: Request, res: Response): void {
  res.set('Connection', 'close');
  req.resume();
}

function noRoom(): ProblemError {
  return new ProblemError(503, 'overloaded', 'Overloaded', 'the bodies under way have no more room', {
    headers: { 'Retry-After': '1' },
  });
}

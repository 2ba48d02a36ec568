import { ZodError } from 'zod';
import { InvalidInput, WebhookStale } from '../errors.ts';
import { isUrgent, parseEnvelope, parseEvent, subjectsOf } from './events.ts';

/** A delivery whose signature was good, as the inbox takes it. */
export type SignedDelivery = {
  rawBody: Buffer;
  event: string;
  createdAt: Date;
  payload: unknown;
  subjects: string[];
  verdict: 'work' | 'ignore' | 'dead';
  reason?: string;
  urgent?: boolean;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * What a signed body means. Whatever makes no sense is kept as a dead letter instead of being refused: the sender
 * would not send it again, and a person can look at it.
 *
 * @throws InvalidInput when it is not JSON in UTF-8.
 * @throws WebhookStale when it was written longer than `maxAgeSeconds` ago or ahead: the signature covers no
 *   delivery time, so that a captured delivery stays good for ever.
 */
export function parseDelivery(
  rawBody: Buffer,
  options: { maxAgeSeconds: number; nowMs: number },
): SignedDelivery {
  const payload = parseJson(rawBody);
  const { maxAgeSeconds, nowMs } = options;
  let event = 'unreadable';
  let createdAt = new Date(nowMs);
  try {
    ({ event, createdAt } = parseEnvelope(payload));
    const ageMs = Math.abs(nowMs - createdAt.getTime());
    if (ageMs > maxAgeSeconds * 1_000) throw new WebhookStale(`${event}: ${Math.round(ageMs / 1_000)} s off`);
    const parsed = parseEvent(payload);
    const letter = { rawBody, event, createdAt, payload };
    if (parsed.kind === 'test')
      return { ...letter, subjects: [], verdict: 'ignore', reason: 'a test payload' };
    if (parsed.kind === 'other')
      return { ...letter, subjects: [], verdict: 'ignore', reason: 'not an event for us' };
    return { ...letter, subjects: subjectsOf(parsed), verdict: 'work', urgent: isUrgent(parsed) };
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    return { rawBody, event, createdAt, payload, subjects: [], verdict: 'dead', reason: problemsOf(error) };
  }
}

function parseJson(rawBody: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(rawBody));
  } catch (cause) {
    throw new InvalidInput([{ path: '', message: 'not JSON in UTF-8' }], { cause });
  }
}

/** Paths and rules only: what stood there may be personal. */
function problemsOf(error: ZodError): string {
  const [first] = error.issues;
  // Of a choice between two shapes the last one tells more: nobody sends the other by mistake.
  const issues = first?.code === 'invalid_union' ? (first.errors.at(-1) ?? error.issues) : error.issues;
  return issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
    .join('; ');
}

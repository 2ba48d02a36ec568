import { type DeliveryRecord, SIGNATURE_HEADER, signatureOf } from './delivery.ts';

export const webhookFaultKinds = [
  'bad-signature',
  'no-signature',
  'wrong-key',
  'tampered-body',
  'not-json',
  'stale',
  'future',
  'duplicate',
  'reorder',
  'delay',
  'drop',
] as const;

export type WebhookFault = { kind: (typeof webhookFaultKinds)[number]; delayMs: number };

const DAY_MS = 86_400_000;

/** The delivery as it will go out, or not; everything that the fault does not concern stays properly signed. */
export function applyWebhookFault(
  record: DeliveryRecord,
  { kind }: WebhookFault,
  signingKey: string,
): DeliveryRecord {
  const marked = { ...record, fault: kind };
  const withHeaders = (headers: Record<string, string>) => ({
    ...marked,
    headers: { ...record.headers, ...headers },
  });
  const resigned = (rawBody: string): DeliveryRecord => ({
    ...withHeaders({ [SIGNATURE_HEADER]: signatureOf(signingKey, rawBody) }),
    rawBody,
  });
  switch (kind) {
    case 'bad-signature':
      return withHeaders({ [SIGNATURE_HEADER]: flipped(record.headers[SIGNATURE_HEADER] ?? '') });
    case 'wrong-key':
      return withHeaders({ [SIGNATURE_HEADER]: signatureOf(`${signingKey}x`, record.rawBody) });
    case 'no-signature': {
      const { [SIGNATURE_HEADER]: _, ...headers } = record.headers;
      return { ...marked, headers };
    }
    case 'tampered-body':
      return { ...marked, rawBody: record.rawBody.replace('{', '{"added":true,') };
    case 'not-json':
      return resigned(record.rawBody.slice(0, -1));
    case 'stale':
      return resigned(shifted(record.rawBody, -DAY_MS));
    case 'future':
      return resigned(shifted(record.rawBody, DAY_MS));
    case 'drop':
      return { ...marked, status: 'dropped' };
    case 'reorder':
      return { ...marked, status: 'held' };
    default:
      return marked;
  }
}

function flipped(signature: string): string {
  return signature.slice(0, -1) + (signature.endsWith('0') ? '1' : '0');
}

function shifted(rawBody: string, byMs: number): string {
  const body = JSON.parse(rawBody) as { createdAt: string };
  return JSON.stringify({ ...body, createdAt: new Date(Date.parse(body.createdAt) + byMs).toISOString() });
}

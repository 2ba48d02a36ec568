import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { signatureOf } from '../../../src/emulators/logto/webhooks/delivery.ts';
import { openReceiver, type Receiver } from '../../support/logto-receiver.ts';
import { until } from '../../support/until.ts';

const signingKey = 'the-signing-key';
let logto: LogtoEmulator;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await openReceiver(signingKey);
  logto = await startLogtoEmulator({ webhookUrl: receiver.url, webhookSigningKey: signingKey });
});
beforeEach(() => logto.reset());
afterEach(() => {
  receiver.received.length = 0;
});
afterAll(async () => {
  await logto.close();
  await receiver.close();
});

describe('a webhook on demand', () => {
  it('carries what the vendor’s would, about whom it is asked to', async () => {
    const [delivery] = await logto.sendWebhook({ event: 'PostRegister', user: 'dave' });
    expect(delivery).toMatchObject({
      event: 'PostRegister',
      status: 'delivered',
      attempts: [{ status: 200 }],
    });
    expect(receiver.received).toMatchObject([
      {
        verified: true,
        body: { event: 'PostRegister', userId: 'dave00000000', user: { primaryEmail: 'dave@example.com' } },
      },
    ]);
    await logto.sendWebhook({ event: 'Organization.Membership.Updated', user: 'dave', organization: 'acme' });
    expect(receiver.received[1]?.body).toMatchObject({
      organizationId: 'acme00000000',
      addedUserIds: ['dave00000000'],
    });
  });

  it('takes any event and any payload, over the control endpoint too', async () => {
    const answer = await fetch(`${logto.url}/_emulator/webhooks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event: 'Something.New', payload: { data: { x: 1 }, ip: null } }),
    });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      [
        expect.objectContaining({
          status: 'delivered',
          payload: expect.objectContaining({ data: { x: 1 } }),
        }),
      ],
    ]);
    expect(receiver.received[0]?.body).not.toHaveProperty('ip');
  });

  it('says what it does not know', async () => {
    await expect(logto.sendWebhook({ event: 'User.Created', user: 'nobody' })).rejects.toThrow(
      'no user nobody',
    );
    await expect(logto.sendWebhook({ event: 'User.Created', hook: 'nobody' })).rejects.toThrow(
      'no such webhook',
    );
  });
});

describe('faults', () => {
  it.each(['bad-signature', 'no-signature', 'wrong-key', 'tampered-body'] as const)(
    '%s: arrives, and does not verify',
    async (fault) => {
      await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault });
      expect(receiver.received).toMatchObject([{ verified: false }]);
      await logto.sendWebhook({ event: 'User.Created', user: 'alice' });
      expect(receiver.received[1]).toMatchObject({ verified: true });
    },
  );

  it.each(['not-json', 'stale', 'future'] as const)('%s: properly signed', async (fault) => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault });
    const [received] = receiver.received;
    expect(received?.verified).toBe(true);
    if (fault === 'not-json') expect(() => JSON.parse(received?.rawBody ?? '')).toThrow();
    else {
      const hours = (Date.parse(String(received?.body.createdAt)) - Date.now()) / 3_600_000;
      expect(Math.round(hours)).toBe(fault === 'stale' ? -24 : 24);
    }
  });

  it('duplicate: the same bytes twice', async () => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault: 'duplicate' });
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.rawBody).toBe(receiver.received[1]?.rawBody);
  });

  it('reorder: held until the next one has gone', async () => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault: 'reorder' });
    expect(receiver.received).toEqual([]);
    await logto.sendWebhook({ event: 'User.Deleted', user: 'alice' });
    await logto.settled();
    expect(receiver.events()).toEqual(['User.Deleted', 'User.Created']);
  });

  it('drop: never sent, and listed', async () => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault: 'drop' });
    await logto.settled();
    expect(receiver.received).toEqual([]);
    expect(logto.deliveries()[0]).toMatchObject({ status: 'dropped', attempts: [] });
  });

  it('delay: later', async () => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault: 'delay', delayMs: 80 });
    expect(receiver.received).toEqual([]);
    await logto.settled();
    expect(receiver.events()).toEqual(['User.Created']);
  });
});

describe('delivery', () => {
  it('is tried once, whatever the receiver says, and logged with its answer', async () => {
    for (const status of [500, 503, 429, 408, 400, 404]) {
      receiver.answerWith(status);
      await logto.sendWebhook({ event: 'User.Created', user: 'alice' });
      await logto.settled();
      expect(logto.deliveries()[0]).toMatchObject({ status: 'failed', attempts: [{ status }] });
    }
    expect(receiver.received).toHaveLength(6);
    receiver.answerWith(204);
    const [delivery] = await logto.sendWebhook({ event: 'User.Created', user: 'alice' });
    expect(delivery).toMatchObject({ status: 'delivered' });
  });

  it('is tried up to three times more after a 5xx where the switch says so, as later versions do', async () => {
    const later = await startLogtoEmulator({
      webhookUrl: receiver.url,
      webhookSigningKey: signingKey,
      webhookRetries: 3,
    });
    receiver.answerWith(500, 503);
    await later.sendWebhook({ event: 'User.Created', user: 'alice' });
    expect(later.deliveries()[0]?.attempts.map(({ status }) => status)).toEqual([500, 503, 200]);
    receiver.answerWith(404);
    await later.sendWebhook({ event: 'User.Created', user: 'bob' });
    expect(later.deliveries()[0]).toMatchObject({ status: 'failed', attempts: [{ status: 404 }] });
    await later.close();
  });

  it('follows redirects with method and body, and tells of a receiver that is away', async () => {
    const redirecting = createServer((_req, res) => res.writeHead(307, { location: receiver.url }).end());
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve));
    const { port } = redirecting.address() as { port: number };
    const other = await startLogtoEmulator({
      webhookUrl: `http://127.0.0.1:${port}/`,
      webhookSigningKey: signingKey,
    });
    const [delivery] = await other.sendWebhook({ event: 'User.Created', user: 'alice' });
    expect(delivery).toMatchObject({ status: 'delivered' });
    expect(receiver.received).toMatchObject([{ verified: true }]);
    await new Promise((resolve) => {
      redirecting.close(resolve);
      redirecting.closeAllConnections();
    });
    const [lost] = await other.sendWebhook({ event: 'User.Created', user: 'alice' });
    expect(lost).toMatchObject({
      status: 'failed',
      attempts: [{ error: expect.stringMatching(/ECONNREFUSED|UND_ERR_SOCKET/) }],
    });
    await other.close();
  });

  it('can be had again, byte for byte', async () => {
    const [sent] = await logto.sendWebhook({ event: 'User.Created', user: 'alice' });
    const answer = await fetch(`${logto.url}/_emulator/deliveries/${sent?.id}/replay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(200);
    expect(receiver.received[1]?.rawBody).toBe(receiver.received[0]?.rawBody);
    const listed = (await (await fetch(`${logto.url}/_emulator/deliveries`)).json()) as { status: string }[];
    expect(listed.map(({ status }) => status)).toEqual(['delivered', 'delivered']);
  });

  it('keeps the newest 500', async () => {
    for (let n = 0; n < 510; n += 1) await logto.sendWebhook({ event: `E${n}`, fault: 'drop' });
    expect(logto.deliveries()).toHaveLength(500);
    expect(logto.deliveries()[0]?.event).toBe('E509');
  });

  it('goes on over a reset that comes in between, without a leftover', async () => {
    await logto.sendWebhook({ event: 'User.Created', user: 'alice', fault: 'delay', delayMs: 60_000 });
    await logto.reset();
    expect(logto.deliveries()).toEqual([]);
    await logto.sendWebhook({ event: 'User.Created', user: 'alice' });
    await until(() => receiver.received.length === 1);
  });
});

it('signs bytes, not characters', () => {
  expect(signatureOf('key', 'é')).toBe('e5eb9b0a697f5df0e9c03ffdd759f4b6edb39204332904d5eb74735b54259255');
});

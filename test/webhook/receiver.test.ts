import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../src/errors.ts';
import { createWebhookRouter } from '../../src/webhook/webhook-router.ts';
import { openSocket } from '../support/http-raw.ts';
import { openInbox } from '../support/inbox-desk.ts';
import { until } from '../support/until.ts';
import { deliver, sendRaw, sign, signingKey, startReceiver } from '../support/webhook-client.ts';

let world: Awaited<ReturnType<typeof openInbox>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let port: number;

beforeAll(async () => {
  world = await openInbox();
  receiver = await startReceiver({ inbox: world.inbox, clock: world.clock, bodyTimeoutMs: 300 });
  port = receiver.port;
});
afterAll(async () => {
  await receiver.close();
  await world.close();
});
beforeEach(async () => {
  await world.inbox.drain();
  await world.database.query('TRUNCATE elp.letter, elp.letter_subject, elp.subject');
  world.worked.length = 0;
});

const rows = async () =>
  Number((await world.database.query<{ n: string }>('SELECT count(*) AS n FROM elp.letter')).rows[0]?.n);

let serial = 0;
/** A registration, unlike any other; Logto's order of members. */
function registration(change: Record<string, unknown> = {}): string {
  const userId = `user${String(++serial).padStart(8, '0')}`;
  return JSON.stringify({
    event: 'PostRegister',
    createdAt: new Date(world.clock.ms).toISOString(),
    interactionEvent: 'Register',
    sessionId: 's',
    userAgent: 'node',
    userIp: '127.0.0.1',
    userId,
    user: { id: userId, primaryEmail: `${userId}@example.com`, name: 'Ünï', isSuspended: false },
    hookId: 'h',
    ...change,
  });
}

describe('signature: 24', () => {
  it('twin: a good one is stored, and upper-case digits are digits', async () => {
    const answer = await deliver(port, registration());
    expect(answer).toMatchObject({ status: 200, body: '{"status":"stored"}' });
    const body = registration();
    expect((await deliver(port, body, { signature: sign(body).toUpperCase() })).status).toBe(200);
    expect(await rows()).toBe(2);
  });

  const good = (body: string) => sign(body);
  const forged: [
    string,
    (body: string) => {
      signature?: string | null;
      headers?: [string, string | Buffer][];
      body?: string | Buffer;
    },
  ][] = [
    ['c-1 missing', () => ({ signature: null })],
    ['c-2 empty', () => ({ signature: '' })],
    [
      'c-3 duplicate, good then bad',
      (b) => ({
        signature: null,
        headers: [
          ['logto-signature-sha-256', good(b)],
          ['Logto-Signature-Sha-256', '0'.repeat(64)],
        ],
      }),
    ],
    [
      'c-4 duplicate, bad then good',
      (b) => ({
        signature: null,
        headers: [
          ['logto-signature-sha-256', '0'.repeat(64)],
          ['logto-signature-sha-256', good(b)],
        ],
      }),
    ],
    [
      'c-5 duplicate, good twice',
      (b) => ({
        signature: null,
        headers: [
          ['logto-signature-sha-256', good(b)],
          ['logto-signature-sha-256', good(b)],
        ],
      }),
    ],
    ['c-6 another key', (b) => ({ signature: sign(b, 'another key') })],
    ['c-7 a byte more', (b) => ({ signature: good(b), body: `${b} ` })],
    ['c-8 a byte less', (b) => ({ signature: good(b), body: b.slice(0, -1) })],
    ['c-9 a byte changed', (b) => ({ signature: good(b), body: b.replace('Register', 'register') })],
    ['c-10 serialised again', (b) => ({ signature: good(b), body: JSON.stringify(JSON.parse(b), null, 1) })],
    [
      'c-11 members reordered',
      (b) => ({
        signature: good(b),
        body: JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(b)).reverse())),
      }),
    ],
    [
      'c-12 base64 digest',
      (b) => ({ signature: createHmac('sha256', signingKey).update(b).digest('base64') }),
    ],
    ['c-13 sha256= prefix', (b) => ({ signature: `sha256=${good(b)}` })],
    ['c-14 62 digits', (b) => ({ signature: good(b).slice(0, 62) })],
    ['c-15 66 digits', (b) => ({ signature: `${good(b)}00` })],
    ['c-16 not hexadecimal', (b) => ({ signature: `${good(b).slice(0, 63)}g` })],
    [
      'c-17 not ASCII',
      (b) => ({
        signature: null,
        headers: [
          [
            'logto-signature-sha-256',
            Buffer.concat([Buffer.from(good(b).slice(0, 63)), Buffer.from([0xe9])]),
          ],
        ],
      }),
    ],
    ['c-18 SHA-1', (b) => ({ signature: sign(b, signingKey, 'sha1') })],
    ['c-19 SHA-512', (b) => ({ signature: sign(b, signingKey, 'sha512') })],
    ['c-20 HMAC with an empty key', (b) => ({ signature: sign(b, '') })],
    ['c-21 signature of another body', () => ({ signature: sign(registration()) })],
  ];
  it.each(forged)('%s is 401 and leaves no row', async (_name, forge) => {
    const body = registration();
    const answer = await deliver(port, body, forge(body) as Parameters<typeof deliver>[2]);
    expect(answer.status).toBe(401);
    const problem = JSON.parse(answer.body);
    expect(problem).toMatchObject({ code: 'webhook_rejected', status: 401 });
    expect(problem.detail).toBeUndefined();
    expect(await rows()).toBe(0);
    expect((await deliver(port, body)).status).toBe(200);
  });

  it.each([[[]], [['']], [['good', ' ']]])('c-22 refuses to start with the keys %j', (signingKeys) => {
    const { inbox, clock } = world;
    expect(() =>
      createWebhookRouter({ signingKeys, maxAgeSeconds: 300, inbox, clock, log: undefined as never }),
    ).toThrow(ConfigurationError);
  });

  it('c-23 both keys are good while one replaces the other, and the old one is not afterwards', async () => {
    const [oldKey, newKey] = ['the old signing key', 'the new signing key'];
    const during = await startReceiver({
      inbox: world.inbox,
      clock: world.clock,
      signingKeys: [newKey, oldKey],
    });
    const after = await startReceiver({ inbox: world.inbox, clock: world.clock, signingKeys: [newKey] });
    const post = (to: number, key: string) => {
      const body = registration();
      return deliver(to, body, { signature: sign(body, key) }).then((answer) => answer.status);
    };
    expect(await post(during.port, oldKey)).toBe(200);
    expect(await post(during.port, newKey)).toBe(200);
    expect(await post(after.port, oldKey)).toBe(401);
    expect(await post(after.port, newKey)).toBe(200);
    await during.close();
    await after.close();
  });

  it('c-24 every digit counts: each single one changed is refused', async () => {
    const body = registration();
    const signature = sign(body);
    for (let at = 0; at < 64; at += 9) {
      const changed = `${signature.slice(0, at)}${signature[at] === '0' ? '1' : '0'}${signature.slice(at + 1)}`;
      expect((await deliver(port, body, { signature: changed })).status).toBe(401);
    }
    expect(await rows()).toBe(0);
    expect((await deliver(port, body)).status).toBe(200);
  });
});

describe('a body that nobody has signed', () => {
  const waiting: [string, string][] = [['Content-Length', '100000']];

  it('is not waited for: 401 at once, and the connection ends', async () => {
    const answer = await deliver(port, '', { signature: null, headers: waiting });
    expect(answer).toMatchObject({ status: 401, headers: { connection: 'close' } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'webhook_rejected' });
    expect((await deliver(port, '', { signature: sign('x'), headers: waiting })).status).toBe(408);
  });
});

describe('room for bodies', () => {
  let narrow: Awaited<ReturnType<typeof startReceiver>>;
  const startNarrow = async (bounds: { roomBytes: number; limitBytes?: number }) => {
    const { inbox, clock } = world;
    narrow = await startReceiver({ inbox, clock, ...bounds });
  };
  afterEach(() => narrow.close());

  it('is shared: what does not fit beside the others is 503, and fits when they have gone', async () => {
    await startNarrow({ roomBytes: 2_000 });
    const statusOf = () => deliver(narrow.port, registration()).then(({ status }) => status);
    expect(await statusOf()).toBe(200);

    const other = await openSocket(narrow.port);
    const head = ['POST /api/webhooks/logto HTTP/1.1', 'Host: x', 'Content-Type: application/json'];
    const signed = [`logto-signature-sha-256: ${sign('x')}`, 'Content-Length: 3000'];
    other.write(`${[...head, ...signed].join('\r\n')}\r\n\r\n${'x'.repeat(1_900)}`);
    await until(async () => (await statusOf()) === 503, 4_000);
    const answer = await deliver(narrow.port, registration());
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1', connection: 'close' } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'overloaded' });

    other.destroy();
    await until(async () => (await statusOf()) === 200, 4_000);
  });

  it('is given back by bodies that were too large, wrongly signed or good', async () => {
    await startNarrow({ roomBytes: 5_000, limitBytes: 1_000 });
    for (let count = 0; count < 6; count += 1) {
      expect((await deliver(narrow.port, 'x'.repeat(2_000), { chunked: true })).status).toBe(413);
      expect((await deliver(narrow.port, 'x'.repeat(900), { signature: '0'.repeat(64) })).status).toBe(401);
      expect((await deliver(narrow.port, registration())).status).toBe(200);
    }
  });
});

describe('transport: 16', () => {
  it('c-25 gzip with a good signature over what it unpacks to is 415', async () => {
    const body = registration();
    const answer = await deliver(port, gzipSync(body), {
      signature: sign(body),
      headers: [['Content-Encoding', 'gzip']],
    });
    expect(answer.status).toBe(415);
    expect(await rows()).toBe(0);
  });

  it('c-26 a bomb is 415 and is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const before = process.memoryUsage().rss;
    const answer = await deliver(port, bomb, { headers: [['Content-Encoding', 'gzip']] });
    expect(answer.status).toBe(415);
    expect(process.memoryUsage().rss - before).toBeLessThan(20 * 1024 * 1024);
  });

  it('c-27 chunked is taken', async () => {
    expect((await deliver(port, registration(), { chunked: true })).status).toBe(200);
  });

  it('c-28 Content-Length with Transfer-Encoding is 400', async () => {
    const answer = await deliver(port, registration(), { chunked: true, headers: [['Content-Length', '5']] });
    expect(answer.status).toBe(400);
    expect(await rows()).toBe(0);
  });

  const sized = (bytes: number) => {
    const empty = registration({ padding: '' });
    return empty.replace('"padding":""', `"padding":"${'x'.repeat(bytes - Buffer.byteLength(empty))}"`);
  };
  it('c-29 a byte over 1 MB is 413, however it comes', async () => {
    const body = sized(1_048_577);
    expect((await deliver(port, body)).status).toBe(413);
    expect((await deliver(port, body, { chunked: true })).status).toBe(413);
    expect(await rows()).toBe(0);
  });
  it('c-30 exactly 1 MB is taken', async () => {
    expect((await deliver(port, sized(1_048_576))).status).toBe(200);
    expect(await rows()).toBe(1);
  });

  it.each([
    ['c-31 text/plain', [['Content-Type', 'text/plain']]],
    ['c-33 charset=utf-16', [['Content-Type', 'application/json; charset=utf-16']]],
  ] as [string, [string, string][]][])('%s is 415', async (_name, headers) => {
    expect((await deliver(port, registration(), { headers })).status).toBe(415);
    expect(await rows()).toBe(0);
  });
  it('c-32 no type is 415', async () => {
    const body = registration();
    expect((await sendRaw(port, { body, headers: [['logto-signature-sha-256', sign(body)]] })).status).toBe(
      415,
    );
    expect(await rows()).toBe(0);
  });
  it.each(['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])(
    'twin: %s is taken',
    async (type) => {
      expect((await deliver(port, registration(), { headers: [['Content-Type', type]] })).status).toBe(200);
    },
  );

  it('c-34 signed but not UTF-8 is 400, counted', async () => {
    const body = Buffer.concat([Buffer.from('{"event":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const answer = await deliver(port, body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'invalid_input' });
    expect(await receiver.metrics.getSingleMetricAsString('elp_webhook_deliveries_total')).toContain(
      'outcome="invalid_input"',
    );
    expect(await rows()).toBe(0);
  });
  it('c-35 signed but not JSON is 400', async () => {
    expect((await deliver(port, 'event=User.Created')).status).toBe(400);
    expect(await rows()).toBe(0);
  });
  it('c-36 an empty body is 400', async () => {
    expect((await deliver(port, '')).status).toBe(400);
    expect(await rows()).toBe(0);
  });

  it('c-37 an upload that is cut short leaves no row', async () => {
    const body = registration();
    await deliver(port, body.slice(0, 50), {
      signature: sign(body),
      cut: true,
      headers: [['Content-Length', String(body.length)]],
    });
    expect((await deliver(port, registration())).status).toBe(200);
    expect(await rows()).toBe(1);
  });

  it('c-38 a body that trickles in is cut with 408', async () => {
    const began = performance.now();
    const answer = await deliver(port, registration(), { trickleMs: 20 });
    expect(answer.status).toBe(408);
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(await rows()).toBe(0);
  });

  it.each([
    ['c-39 GET', 'GET'],
    ['c-40 PUT', 'PUT'],
    ['HEAD', 'HEAD'],
    ['DELETE', 'DELETE'],
    ['OPTIONS', 'OPTIONS'],
  ])('%s is 405 with Allow', async (_name, method) => {
    const answer = await deliver(port, method === 'PUT' ? registration() : '', { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('POST');
    expect(await rows()).toBe(0);
  });
});

describe('meaning, as far as the receiver has a say', () => {
  const stored = async () => (await world.inbox.list())[0];

  it('c-41 the same bytes a hundred times at once are one row and a hundred times 200', async () => {
    const body = registration();
    const answers = await Promise.all(Array.from({ length: 100 }, () => deliver(port, body)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(200));
    expect(answers.filter((answer) => answer.body.includes('stored'))).toHaveLength(1);
    expect(await rows()).toBe(1);
  });

  it.each([
    ['c-47 an hour old', -3_600_000],
    ['c-48 an hour ahead', 3_600_000],
    ['just outside', -301_000],
  ])('%s is 400 stale', async (_name, shiftMs) => {
    const answer = await deliver(
      port,
      registration({ createdAt: new Date(world.clock.ms + shiftMs).toISOString() }),
    );
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'webhook_stale' });
    expect(await rows()).toBe(0);
  });
  it('twin: just inside is taken, and a captured delivery is not taken again later', async () => {
    const body = registration({ createdAt: new Date(world.clock.ms - 299_000).toISOString() });
    expect((await deliver(port, body)).status).toBe(200);
    world.clock.ms += 24 * 3_600_000;
    expect((await deliver(port, body)).status).toBe(400);
  });

  it('c-49 an unknown event is 200 and stored as ignored', async () => {
    const answer = await deliver(port, registration({ event: 'Grant.Invented' }));
    expect(answer).toMatchObject({ status: 200, body: '{"status":"ignored"}' });
    expect(await stored()).toMatchObject({ status: 'ignored', event: 'Grant.Invented', subjects: [] });
  });

  it.each([
    ['c-51 no user id', { userId: undefined }],
    ['c-52 a wrong type: a number for an id', { userId: 7 }],
    ['another user inside', { user: { id: 'someoneelse0' } }],
    ['a path for an id', { userId: '../admin', user: null }],
    ['no name of an event', { event: undefined }],
    ['no time', { createdAt: undefined }],
    ['a number for the time', { createdAt: 1795461999507 }],
    ['c-50 no data', { event: 'User.Created', userId: undefined }],
    ['data of the wrong type', { event: 'User.Created', data: 'user' }],
    ['an e-mail of the wrong type', { event: 'User.Created', data: { id: 'abc', primaryEmail: { $ne: 1 } } }],
    ['no organization', { event: 'Organization.Membership.Updated' }],
    [
      'too many members',
      {
        event: 'Organization.Membership.Updated',
        organizationId: 'o1',
        addedUserIds: Array(5_001).fill('a'),
      },
    ],
  ])('%s is 200 and a dead letter', async (_name, change) => {
    const answer = await deliver(port, registration(change));
    expect(answer).toMatchObject({ status: 200, body: '{"status":"dead"}' });
    await world.inbox.drain();
    const letter = await stored();
    expect(letter?.status).toBe('dead');
    expect(letter?.reason).toMatch(/:/);
    expect(letter?.reason).not.toContain('@example.com');
    expect(world.worked).toEqual([]);
  });
  it.each(['null', '[]', '"text"', '7', '{}'])('the body %s is a dead letter too', async (body) => {
    expect(await deliver(port, body)).toMatchObject({ status: 200, body: '{"status":"dead"}' });
  });

  it('is 503 with Retry-After while the database is away, and 200 when it is back', async () => {
    let away = true;
    const flaky = await startReceiver({
      clock: world.clock,
      inbox: {
        receive: async (delivery) => {
          if (away) await (await closedInbox()).receive(delivery);
          return world.inbox.receive(delivery);
        },
      },
    });
    const body = registration();
    const answer = await deliver(flaky.port, body);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    away = false;
    expect((await deliver(flaky.port, body)).status).toBe(200);
    expect(await rows()).toBe(1);
    await flaky.close();
  });

  it('takes a deletion and a suspension as urgent', async () => {
    const seen: boolean[] = [];
    const spy = await startReceiver({
      clock: world.clock,
      inbox: {
        receive: async (delivery) => {
          seen.push(delivery.urgent ?? false);
          return 'stored';
        },
      },
    });
    const data = { id: 'abc', isSuspended: true };
    for (const event of ['User.Deleted', 'User.SuspensionStatus.Updated', 'User.Created']) {
      await deliver(spy.port, registration({ event, data }));
    }
    expect(seen).toEqual([true, true, false]);
    await spy.close();
  });
});

async function closedInbox() {
  const other = await openInbox();
  await other.inbox.stop();
  await other.queue.stop();
  await other.database.close();
  return other.inbox;
}

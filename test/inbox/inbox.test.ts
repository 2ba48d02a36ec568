import { describe, expect, it } from '@jest/globals';
import { createArchive } from '../../src/inbox/archive.ts';
import { MAX_TRIES } from '../../src/inbox/backoff.ts';
import { BuryLetters, PauseInbox, RetryLater } from '../../src/inbox/outcome.ts';
import { type InboxDesk, openInbox, useInbox } from '../support/inbox-desk.ts';
import { until } from '../support/until.ts';

let world: InboxDesk;
useInbox((desk) => {
  world = desk;
});

const subjects = () => world.worked.map((work) => work.subject).sort();
const only = async (status?: 'dead' | 'done' | 'open' | 'ignored' | 'dropped') =>
  world.inbox.list(status ? { status } : {});

describe('receiving', () => {
  it('the same bytes a hundred times at once are one letter', async () => {
    const body = { event: 'User.Created', n: 1 };
    const receipts = await Promise.all(Array.from({ length: 100 }, () => world.post('user:a', { body })));
    expect(receipts.filter((receipt) => receipt === 'stored')).toHaveLength(1);
    expect(receipts.filter((receipt) => receipt === 'duplicate')).toHaveLength(99);
    expect(await world.post('user:a', { body })).toBe('duplicate');
    await world.inbox.drain();
    expect(world.worked).toHaveLength(1);
    expect(await only()).toHaveLength(1);
  });

  it('keeps what it shall ignore and what makes no sense, and works neither', async () => {
    expect(await world.post('user:a', { verdict: 'ignore', reason: 'a test' })).toBe('ignored');
    expect(await world.post('user:a', { verdict: 'dead', reason: 'no user id' })).toBe('dead');
    expect(await world.post([])).toBe('ignored');
    await world.inbox.drain();
    expect(world.worked).toEqual([]);
    expect(await only('dead')).toMatchObject([{ reason: 'no user id', subjects: [] }]);
    expect((await only('ignored')).map((letter) => letter.reason)).toEqual(['speaks of nobody', 'a test']);
  });

  it('stores what no text column would take', async () => {
    const body = { name: 'a\0b', lone: '\ud800', big: 'x'.repeat(500_000) };
    expect(await world.post('user:a', { body, event: 'odd\0event' })).toBe('stored');
    await world.inbox.drain();
    expect(world.worked[0]?.letters[0]?.payload).toEqual(JSON.parse(JSON.stringify(body)));
  });

  it('is 503 when the database is away, and nothing is stored', async () => {
    const other = await openInbox();
    await other.inbox.stop();
    await other.queue.stop();
    await other.database.close();
    await expect(other.post('user:a')).rejects.toMatchObject({ status: 503, code: 'upstream_unavailable' });
  });
});

describe('working', () => {
  it('hands a subject all its open letters, oldest first, and each subject its own', async () => {
    await world.inbox.pause('so that they pile up');
    await world.post('user:a', { createdAt: new Date(3_000), body: { n: 3 } });
    await world.post(['user:a', 'user:b'], { createdAt: new Date(1_000), body: { n: 1 } });
    await world.post('user:a', { createdAt: new Date(2_000), body: { n: 2 } });
    // A look that began before the last letter came would find the pause over and work the first two alone.
    await world.inbox.drain();
    await world.inbox.resume();
    await world.inbox.drain();
    const a = world.worked.find((work) => work.subject === 'user:a');
    expect(a?.letters.map((letter) => letter.payload)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(a?.letters[0]).toMatchObject({ subjects: ['user:a', 'user:b'], event: 'User.Created' });
    expect(subjects()).toEqual(['user:a', 'user:b']);
    expect((await only()).every((letter) => letter.status === 'done')).toBe(true);
  });

  it('starts soon after the receipt: notified, not polled', async () => {
    const took: number[] = [];
    for (let n = 0; n < 15; n++) {
      const began = performance.now();
      let at = 0;
      world.behave = async () => {
        at = performance.now();
      };
      await world.post(`user:${n}`);
      await until(() => at > 0);
      took.push(at - began);
      await world.inbox.drain();
    }
    took.sort((a, b) => a - b);
    // A poll comes every half second at best.
    expect(took[7]).toBeLessThan(400);
  });

  it('never works one subject twice at once, and misses nothing that comes meanwhile', async () => {
    let running = 0;
    let most = 0;
    const seen = new Set<string>();
    world.behave = async ({ letters }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 3));
      for (const letter of letters) seen.add(letter.id);
      running--;
    };
    for (let n = 0; n < 30; n++) {
      await world.post('user:a');
      if (n % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await world.inbox.drain();
    expect(most).toBe(1);
    expect(seen.size).toBe(30);
    expect(await only('open')).toEqual([]);
  });

  it('gives each lease a higher fence', async () => {
    for (let n = 0; n < 5; n++) {
      await world.post('user:a');
      await world.inbox.drain();
    }
    const fences = world.worked.map((work) => work.fence);
    expect(fences).toHaveLength(5);
    expect([...fences].sort((a, b) => a - b)).toEqual(fences);
    expect(new Set(fences).size).toBe(5);
  });

  it('touch works a subject without a letter, with the transaction it is part of', async () => {
    await world.inbox.touch('user:a');
    await expect(
      world.database.transaction(async (tx) => {
        await world.inbox.touch('user:never', { tx });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await world.inbox.drain();
    expect(world.worked).toMatchObject([{ subject: 'user:a', letters: [], attempt: 1 }]);
    await world.inbox.drain();
    expect(world.worked).toHaveLength(1);
  });

  it('a touch during the work is not lost', async () => {
    let first = true;
    world.behave = async () => {
      if (first) {
        first = false;
        await world.inbox.touch('user:a');
      }
    };
    await world.inbox.touch('user:a');
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:a', 'user:a']);
  });
});

describe('failing', () => {
  it(`tries ${MAX_TRIES} times in about six hours, then a dead letter; nobody else waits`, async () => {
    const began = world.clock.ms;
    world.behave = async ({ subject }) => {
      if (subject === 'user:poison') throw new Error('boom');
    };
    await world.post('user:poison');
    const tries: number[] = [];
    for (let n = 0; n < 40 && (await only('dead')).length === 0; n++) {
      await world.inbox.drain();
      tries.push(world.worked.filter((work) => work.subject === 'user:poison').length);
      const next = (await only('open'))[0]?.nextTryAt;
      if (next) {
        world.clock.ms = next.getTime() - 1;
        await world.inbox.drain();
        expect(world.worked.filter((work) => work.subject === 'user:poison')).toHaveLength(tries.length);
        world.clock.ms = next.getTime();
      }
    }
    expect(tries).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(world.worked.map((work) => work.attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await only('dead')).toMatchObject([{ reason: 'boom', attempts: 8, subjects: ['user:poison'] }]);
    const hours = (world.clock.ms - began) / 3_600_000;
    expect(hours).toBeGreaterThan(4.5);
    expect(hours).toBeLessThan(7.5);
  });

  it('keeps a Retry-After', async () => {
    world.behave = async () => {
      throw new RetryLater(new Error('429'), { afterMs: 90_000 });
    };
    await world.post('user:a');
    await world.inbox.drain();
    const next = (await only('open'))[0]?.nextTryAt?.getTime() ?? 0;
    expect(next - world.clock.ms).toBeGreaterThanOrEqual(90_000);
    expect(next - world.clock.ms).toBeLessThanOrEqual(99_000);
  });

  it('a new letter is worked at once, and does not wear out the tries of the old one', async () => {
    world.behave = async () => {
      throw new RetryLater('down', { afterMs: 3_600_000 });
    };
    await world.post('user:a', { body: { n: 'old' } });
    await world.inbox.drain();
    for (let n = 0; n < 10; n++) {
      await world.post('user:a', { body: { n } });
      await world.inbox.drain();
    }
    expect(await only('dead')).toEqual([]);
    const old = (await only('open')).at(-1);
    expect(old?.attempts).toBe(1);
    world.behave = async () => undefined;
    await world.post('user:a', { body: { n: 'deleted' }, event: 'User.Deleted', urgent: true });
    await world.inbox.drain();
    expect(await only('open')).toEqual([]);
  });

  it('buries at once what will never go through, all of it or the letters that are named', async () => {
    await world.inbox.pause('pile up');
    await world.post('user:a', { body: { n: 1 } });
    await world.post('user:a', { body: { n: 2 } });
    await world.inbox.resume();
    world.behave = async ({ letters }) => {
      const bad = letters.filter((letter) => (letter.payload as { n: number }).n === 1);
      if (bad.length > 0)
        throw new BuryLetters('422: too long', { letterIds: bad.map((letter) => letter.id) });
    };
    await world.inbox.drain();
    expect(await only('dead')).toMatchObject([{ reason: '422: too long', attempts: 1 }]);
    expect(await only('done')).toHaveLength(1);
    expect(world.worked).toHaveLength(2);
  });

  it('a letter with one dead and one done subject is dead, and replaying it spares the done one', async () => {
    world.behave = async ({ subject }) => {
      if (subject === 'user:b') throw new BuryLetters('no');
    };
    await world.post(['user:a', 'user:b']);
    await world.inbox.drain();
    expect(await only('dead')).toHaveLength(1);
    world.worked.length = 0;
    world.behave = async () => undefined;
    expect(await world.inbox.replay()).toBe(1);
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:b']);
    expect(await only('done')).toHaveLength(1);
  });

  it('c-71 one poisoned letter among a thousand: 999 are worked, in order for each subject', async () => {
    const order = new Set<number>();
    world.behave = async ({ letters }) => {
      for (const letter of letters) {
        const { n } = letter.payload as { n: number };
        if (n === 500) throw new BuryLetters('poison', { letterIds: [letter.id] });
        if (n % 10 === 0) order.add(n);
      }
    };
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        world.post(`user:${n % 10 === 0 ? 'ordered' : n}`, { body: { n }, createdAt: new Date(n) }),
      ),
    );
    await world.inbox.drain();
    const stats = await world.inbox.stats();
    expect(stats).toMatchObject({ backlog: 0, dead: 1 });
    expect([...order]).toEqual(Array.from({ length: 100 }, (_, n) => n * 10).filter((n) => n !== 500));
    const done = await world.database.query<{ n: string }>(
      "SELECT count(*) AS n FROM elp.letter WHERE status = 'done'",
    );
    expect(done.rows[0]?.n).toBe('999');
  });
});

describe('pausing', () => {
  it('a wrong key pauses everything and buries nothing; a probe that succeeds opens it again', async () => {
    world.behave = async () => {
      throw new PauseInbox('Permit refused our key');
    };
    for (let n = 0; n < 20; n++) await world.post(`user:${n}`);
    await world.inbox.drain();
    const before = world.worked.length;
    expect(before).toBeLessThanOrEqual(20);
    expect((await world.inbox.stats()).paused).toMatchObject({
      reason: 'Permit refused our key',
      manual: false,
    });
    expect(await world.metrics.getSingleMetricAsString('elp_inbox_paused')).toContain('elp_inbox_paused 1');

    // Nothing but one probe every half minute, and no try is counted.
    await world.post('user:new');
    await world.inbox.drain();
    expect(world.worked).toHaveLength(before);
    for (let n = 0; n < 12; n++) {
      world.clock.ms += 31_000;
      await world.inbox.drain();
    }
    expect(world.worked).toHaveLength(before + 12);
    expect((await only('open')).every((letter) => letter.attempts === 0)).toBe(true);
    expect(await only('dead')).toEqual([]);

    world.behave = async () => undefined;
    world.clock.ms += 31_000;
    await world.inbox.drain();
    expect(await world.inbox.stats()).toMatchObject({ backlog: 0, dead: 0, paused: undefined });
  });

  it('what a person paused only a person resumes', async () => {
    await world.inbox.pause('maintenance');
    await world.post('user:a');
    world.clock.ms += 3_600_000;
    await world.inbox.drain();
    expect(world.worked).toEqual([]);
    await world.inbox.resume();
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:a']);
  });

  it('also when a probe that was under way goes well afterwards', async () => {
    world.behave = async () => Promise.reject(new PauseInbox('Permit refused our key'));
    await world.post('user:a');
    await world.inbox.drain();
    const probed = Promise.withResolvers<void>();
    world.behave = () => probed.promise;
    world.clock.ms += 31_000;
    const before = world.worked.length;
    const draining = world.inbox.drain();
    await until(() => world.worked.length > before);
    await world.inbox.pause('maintenance');
    probed.resolve();
    await draining;
    expect((await world.inbox.stats()).paused).toMatchObject({ reason: 'maintenance', manual: true });
  });
});

describe('a lease', () => {
  it('a holder that slept past its lease changes nothing', async () => {
    let wake: () => void = () => undefined;
    let held: boolean | undefined;
    world.behave = async (work) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      held = await work.holdsLease();
      throw new BuryLetters('the late writer');
    };
    await world.post('user:a');
    await until(() => world.worked.length === 1);

    // The others' clock runs on while it sleeps: they take the subject, and are still at it when it wakes.
    const other = await openInbox({ database: world.database });
    let finish: () => void = () => undefined;
    other.behave = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    other.clock.ms = world.clock.ms + 60_000;
    const drained = other.inbox.drain();
    try {
      await until(() => other.worked.length === 1);
      expect(other.worked[0]?.fence).toBeGreaterThan(world.worked[0]?.fence ?? 0);

      wake();
      await world.inbox.drain();
      expect(held).toBe(false);
      expect(await only('dead')).toEqual([]);
      expect(await only('open')).toHaveLength(1);
      expect(await other.worked[0]?.holdsLease()).toBe(true);
    } finally {
      finish();
      await drained;
      await other.close();
    }
    expect(await only('dead')).toEqual([]);
    expect(await only('done')).toHaveLength(1);
  });

  it('is renewed while the work takes long', async () => {
    const slow = await openInbox({ leaseMs: 60 });
    try {
      let held: boolean | undefined;
      slow.behave = async (work) => {
        const step = setInterval(() => {
          slow.clock.ms += 10;
        }, 10);
        await new Promise((resolve) => setTimeout(resolve, 250));
        clearInterval(step);
        held = await work.holdsLease();
      };
      await slow.post('user:a');
      await slow.inbox.drain();
      expect(held).toBe(true);
      expect(slow.worked).toHaveLength(1);
    } finally {
      await slow.close();
    }
  });
});

describe('operating', () => {
  it('lists by page and filter, shows one whole', async () => {
    for (let n = 0; n < 5; n++)
      await world.post(`user:${n}`, { body: { n }, event: n === 3 ? 'User.Deleted' : 'User.Created' });
    await world.inbox.drain();
    const first = await world.inbox.list({ limit: 2 });
    const second = await world.inbox.list({ limit: 10, before: first[1]?.id as string });
    expect([...first, ...second].map((letter) => letter.subjects[0])).toEqual([
      'user:4',
      'user:3',
      'user:2',
      'user:1',
      'user:0',
    ]);
    expect(await world.inbox.list({ event: 'User.Deleted' })).toHaveLength(1);
    expect(await world.inbox.list({ subject: 'user:2' })).toHaveLength(1);
    expect(await world.inbox.list({ before: "1' OR true" })).toHaveLength(5);
    const shown = await world.inbox.show(first[0]?.id as string);
    expect(shown).toMatchObject({
      payload: { n: 4 },
      status: 'done',
      work: [{ subject: 'user:4', state: 'done' }],
    });
    expect(await world.inbox.show('nonsense')).toBeUndefined();
  });

  it('replays one that went well, all dead ones, or by filter; drops the rest', async () => {
    world.behave = async ({ subject }) => {
      if (subject !== 'user:good') throw new BuryLetters('no');
    };
    await world.post('user:good');
    await world.post('user:bad1', { event: 'User.Deleted' });
    await world.post('user:bad2');
    await world.post('user:bad3');
    await world.inbox.drain();
    expect(await only('dead')).toHaveLength(3);

    world.worked.length = 0;
    world.behave = async () => undefined;
    expect(await world.inbox.replay({ event: 'User.Deleted' })).toBe(1);
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:bad1']);
    const good = (await world.inbox.list({ subject: 'user:good' }))[0]?.id as string;
    expect(await world.inbox.replay({ ids: [good] })).toBe(1);
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:bad1', 'user:good']);
    expect(await world.inbox.drop({ subject: 'user:bad2' })).toBe(1);
    expect(await world.inbox.replay()).toBe(1);
    await world.inbox.drain();
    expect(subjects()).toEqual(['user:bad1', 'user:bad3', 'user:good']);
    expect(await only('dropped')).toMatchObject([{ subjects: ['user:bad2'] }]);
  });

  it('forgets a person: at once in settled letters, after the work in open ones', async () => {
    await world.post('user:a', { body: { email: 'settled@example.com' } });
    await world.post('user:b', { body: { email: 'other@example.com' } });
    await world.inbox.drain();
    await world.inbox.pause('keep one open');
    await world.post('user:a', { body: { email: 'open@example.com' }, event: 'User.Deleted' });
    expect(await world.inbox.forgetPersonalData('a')).toBe(2);
    const bodies = async () =>
      (await world.database.query<{ body: string }>('SELECT body FROM elp.letter ORDER BY id')).rows
        .map((r) => r.body)
        .join();
    expect(await bodies()).not.toContain('settled@');
    expect(await bodies()).toContain('open@');
    await world.inbox.resume();
    await world.inbox.drain();
    expect(world.worked.at(-1)?.letters[0]?.payload).toEqual({ email: 'open@example.com' });
    expect(await bodies()).not.toContain('open@');
    expect(await bodies()).toContain('other@');
  });

  it('forgets a person also in letters that are dropped before they were worked', async () => {
    await world.inbox.pause('keep it open');
    await world.post('user:a', { body: { email: 'a@example.com' }, event: 'User.Deleted' });
    await world.post('user:b', { body: { email: 'b@example.com' } });
    await world.inbox.forgetPersonalData('a');
    expect(await world.inbox.drop({ status: 'open' })).toBe(2);
    const { rows } = await world.database.query<{ body: string }>('SELECT body FROM elp.letter ORDER BY id');
    expect(rows.map(({ body }) => body)).toEqual(['{"forgotten":true}', '{"email":"b@example.com"}']);
  });

  it('keeps settled letters for thirty days, and removes all that are older', async () => {
    await world.post('user:a');
    await world.inbox.drain();
    await world.database.query(
      `INSERT INTO elp.letter (hash, event, created_at, received_at, body, status, settled_at)
       SELECT decode(md5(n::text), 'hex'), 'User.Created', $1, $1, '{}', 'done', $1 FROM generate_series(1, 2500) n`,
      [new Date(world.clock.ms - 2 * 86_400_000)],
    );
    const archive = createArchive(world);
    world.clock.ms += 28 * 86_400_000;
    expect(await archive.removeOld()).toBe(0);
    world.clock.ms += 60_000;
    expect(await archive.removeOld()).toBe(2_500);
    expect((await only()).map(({ subjects: of }) => of)).toEqual([['user:a']]);
  });

  it('counts what an operator watches', async () => {
    await world.inbox.pause('x');
    await world.post('user:a');
    world.clock.ms += 5_000;
    expect(await world.inbox.stats()).toMatchObject({ backlog: 1, dead: 0, oldestSeconds: 5 });
    const text = await world.metrics.metrics();
    expect(text).toContain('elp_inbox_backlog 1');
    expect(text).toContain('elp_inbox_oldest_seconds 5');
    expect(text).toMatch(/elp_inbox_received_total\{receipt="stored"\} \d+/);
    expect(text).toMatch(/elp_inbox_lag_seconds_count \d+/);
  });
});

import { describe, expect, it } from '@jest/globals';
import { createSubjectPool } from '../../src/inbox/subject-pool.ts';

const names = (count: number) => Array.from({ length: count }, (_, n) => `user:${n}`);

const closing = new AbortController();

/** Work that is noted in `started` and goes on until `finish`, which ends the one that started last. */
function heldWork() {
  const started: string[] = [];
  let end: (worked: boolean) => void = () => undefined;
  const work = (subject: string) => {
    started.push(subject);
    return new Promise<boolean>((resolve) => {
      end = resolve;
    });
  };
  return { started, work, finish: () => end(true) };
}

describe('the pace of a pool', () => {
  it('spreads the starts of a backlog, and loses none of it', async () => {
    const gapMs = 30;
    const started: string[] = [];
    const pool = createSubjectPool({
      size: 4,
      gapMs,
      closing: closing.signal,
      work: async (subject) => started.push(subject) > 0,
    });
    const startedAt = performance.now();
    for (const subject of names(6)) await pool.admit(subject);
    await pool.idle();
    expect(started).toEqual(names(6));
    // The first two may go together: a late timer is made up for by one start.
    expect(performance.now() - startedAt).toBeGreaterThan(3 * gapMs);
  });

  it('makes nobody wait who comes to an idle pool, whatever the gap', async () => {
    const started: string[] = [];
    const pool = createSubjectPool({
      size: 4,
      gapMs: 3_600_000,
      closing: closing.signal,
      work: async (subject) => started.push(subject) > 0,
    });
    await pool.admit('user:first');
    await pool.idle();
    expect(started).toEqual(['user:first']);
  });

  it('takes no distance from work that was none', async () => {
    const pool = createSubjectPool({
      size: 1,
      gapMs: 3_600_000,
      closing: closing.signal,
      work: async (subject) => subject === 'user:4',
    });
    for (const subject of names(6)) await pool.admit(subject);
    await pool.idle();
  });

  it('looks again at a subject in hand, at once', async () => {
    const { started, work, finish } = heldWork();
    const pool = createSubjectPool({
      size: 1,
      gapMs: 3_600_000,
      closing: closing.signal,
      work,
    });
    await pool.admit('user:a');
    await pool.admit('user:a');
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    finish();
    await pool.idle();
    expect(started).toEqual(['user:a', 'user:a']);
  });

  it('counts a second look: what it finds or does not find leaves the distance of the others as it was', async () => {
    const gapMs = 100;
    const startedAt: number[] = [];
    const looks = new Map<string, number>();
    const pool = createSubjectPool({
      size: 20,
      gapMs,
      closing: closing.signal,
      async work(subject) {
        const look = (looks.get(subject) ?? 0) + 1;
        looks.set(subject, look);
        if (look === 1) startedAt.push(performance.now());
        await new Promise((resolve) => setImmediate(resolve));
        return look === 1;
      },
    });
    for (const subject of names(5)) {
      await pool.admit(subject);
      // A letter and the sweeper both speak of it while it is in hand.
      await pool.admit(subject);
    }
    await pool.idle();
    expect(looks.size).toBe(5);
    expect((startedAt[4] as number) - (startedAt[0] as number)).toBeGreaterThan(2.5 * gapMs);
  });

  it('gives way to a thread that never rests, and stands still for none', async () => {
    const gapMs = 15;
    let busy = true;
    const spin = () => {
      const until = performance.now() + 3;
      while (performance.now() < until);
      if (busy) setImmediate(spin);
    };
    setImmediate(spin);
    const startedAt: number[] = [];
    const pool = createSubjectPool({
      size: 20,
      gapMs,
      closing: closing.signal,
      work: async () => startedAt.push(performance.now()) > 0,
    });
    for (const subject of names(4)) await pool.admit(subject);
    busy = false;
    const [, second = 0, , fourth = 0] = startedAt;
    expect(fourth - second).toBeGreaterThan(2 * 3 * gapMs);
  });

  it.each([2, 3])('that closes starts nothing more, and leaves nobody waiting (%i places)', async (size) => {
    const stop = new AbortController();
    const { started, work, finish } = heldWork();
    const pool = createSubjectPool({
      size,
      gapMs: 3_600_000,
      closing: stop.signal,
      work,
    });
    // The second start makes up for a late timer; the others wait for a place or for the gap.
    const admitted = Promise.all(names(4).map((subject) => pool.admit(subject)));
    stop.abort();
    finish();
    expect((await admitted).filter(Boolean)).toHaveLength(started.length);
    expect(started.length).toBeLessThan(3);
  });
});

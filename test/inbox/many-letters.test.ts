import { describe, expect, it } from '@jest/globals';
import { type InboxDesk, useInbox } from '../support/inbox-desk.ts';
import { until } from '../support/until.ts';

let world: InboxDesk;
useInbox((desk) => {
  world = desk;
});

/** More than a round takes, and more than a look of the sweeper. */
const MANY = 250;
const postMany = (subject: string) =>
  Promise.all(Array.from({ length: MANY }, () => world.post(subject))).then(() => world.inbox.drain());

describe('a subject with more letters than a round takes', () => {
  it('works all of them, each once', async () => {
    await postMany('user:a');
    const ids = world.worked.flatMap(({ letters }) => letters.map(({ id }) => id));
    expect([ids.length, new Set(ids).size]).toEqual([MANY, MANY]);
  });

  it('a new letter is not hidden by those that are to be tried again later', async () => {
    world.behave = async () => Promise.reject(new Error('not now'));
    await postMany('user:a');
    expect(await world.inbox.stats()).toMatchObject({ backlog: MANY, dead: 0 });
    world.clock.ms += 1_000;
    world.worked.length = 0;
    await world.post('user:a', { event: 'PostSignIn' });
    await world.inbox.drain();
    expect(world.worked.map(({ letters }) => letters.at(-1)?.event)).toEqual(['PostSignIn']);
    // The oldest of the others go along, as many as there is room for.
    expect(world.worked[0]?.letters).toHaveLength(100);
  });

  it('a suspension goes in the first round, whatever is due before it', async () => {
    await world.inbox.pause('so that they gather');
    await postMany('user:a');
    world.clock.ms += 1_000;
    await world.post('user:a', { event: 'User.SuspensionStatus.Updated', urgent: true });
    await world.inbox.resume();
    await world.inbox.drain();
    const rounds = world.worked.map(({ letters }) => letters.map(({ event }) => event));
    expect(rounds.map((events) => events.indexOf('User.SuspensionStatus.Updated'))).toEqual([99, -1, -1]);
  });

  it('keeps no other subject from being found', async () => {
    const held = Promise.withResolvers<void>();
    world.behave = ({ subject }) => (subject === 'user:a' ? held.promise : Promise.resolve());
    await world.inbox.pause('so that they gather');
    await postMany('user:a');
    world.clock.ms += 1_000;
    await world.post('user:b');
    await world.inbox.drain();
    expect(world.worked).toEqual([]);
    await world.inbox.resume();
    await until(() => world.worked.some(({ subject }) => subject === 'user:b'));
    held.resolve();
    await world.inbox.drain();
    expect(await world.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
  });
});

describe('a long backlog', () => {
  const fill = (letters: number) =>
    world.database.query(
      `INSERT INTO elp.letter (hash, event, created_at, received_at, body, status)
       SELECT int4send(n), 'User.Created', $2, $2, '{}', 'open' FROM generate_series(1, $1::int) n`,
      [letters, new Date(world.clock.ms)],
    );
  const backlog = async () => (await world.inbox.stats()).backlog;

  it('is counted every ten seconds, and a shorter one whenever somebody asks', async () => {
    await fill(10_000);
    expect(await backlog()).toBe(10_000);
    await world.database.query('DELETE FROM elp.letter WHERE id % 2 = 0');
    world.clock.ms += 9_999;
    expect(await backlog()).toBe(10_000);
    world.clock.ms += 1;
    expect(await backlog()).toBe(5_000);
    await world.database.query('DELETE FROM elp.letter');
    expect(await backlog()).toBe(0);
  });
});

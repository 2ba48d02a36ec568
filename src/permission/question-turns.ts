import { UpstreamUnavailable } from '../errors.ts';
import type { PermissionChecker, Question } from './checker.ts';

/** What goes to the PDP in one call. */
const QUESTIONS_AT_ONCE = 100;

/**
 * Asks long lists of questions so that one caller never fills the queue that all share: a hundred at a time, the
 * next when those are answered, and several lists of one caller by turns.
 *
 * @param options.deadlineMs For a whole list, the wait for its turns included; a turn that has begun may take a
 *   check's own time longer.
 * @returns a function that resolves with the texts of those questions that are allowed; throws
 *   `UpstreamUnavailable` when the PDP cannot answer one of them, or all of them take too long.
 */
export function createQuestionTurns(options: { checker: PermissionChecker; deadlineMs?: number }) {
  const { checker, deadlineMs = 5_000 } = options;
  // The last turn of each caller.
  const turns = new Map<string, Promise<void>>();

  function inTurn(caller: string, ask: () => Promise<void>): Promise<void> {
    const turn = (turns.get(caller) ?? Promise.resolve()).then(ask, ask);
    turns.set(caller, turn);
    const leave = () => {
      if (turns.get(caller) === turn) turns.delete(caller);
    };
    turn.then(leave, leave);
    return turn;
  }

  return async function allowedOf(
    caller: string,
    questions: ReadonlyMap<string, Question>,
  ): Promise<ReadonlySet<string>> {
    const deadlineAt = performance.now() + deadlineMs;
    const allowed = new Set<string>();
    const all = [...questions];
    for (let at = 0; at < all.length; at += QUESTIONS_AT_ONCE) {
      await inTurn(caller, async () => {
        if (performance.now() > deadlineAt) throw tooSlow();
        const answers = all.slice(at, at + QUESTIONS_AT_ONCE).map(async ([text, question]) => {
          if ((await checker.isAllowed(question)) === true) allowed.add(text);
        });
        // A turn ends with the last of its questions, also when one of them has failed before.
        const failed = (await Promise.allSettled(answers)).find(({ status }) => status === 'rejected');
        if (failed) throw (failed as PromiseRejectedResult).reason;
      });
    }
    return allowed;
  };
}

function tooSlow(): UpstreamUnavailable {
  return new UpstreamUnavailable('permit', 'so many questions take too long', {
    logCode: 'permit_list_timeout',
  });
}

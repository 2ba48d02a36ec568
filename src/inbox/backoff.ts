/** After this many tries a letter is dead. */
export const MAX_TRIES = 8;

const FIRST_MS = 4_000;
const FACTOR = 4;
const JITTER = 0.2;

/**
 * How long to wait after the `attempt`th failed try: 4 s, 16 s, 64 s … so that the eighth comes after about six
 * hours, each spread by a fifth up or down, and never before what the other side asked for.
 *
 * @param options.afterMs a `Retry-After`.
 * @param options.random for tests; in [0, 1).
 */
export function backoffMs(
  attempt: number,
  options: { afterMs?: number | undefined; random?: () => number } = {},
): number {
  const { afterMs = 0, random = Math.random } = options;
  const ownMs = FIRST_MS * FACTOR ** (Math.max(1, attempt) - 1) * (1 - JITTER + 2 * JITTER * random());
  // Everybody who was sent away with the same Retry-After would otherwise be back in the same moment.
  return Math.round(Math.max(ownMs, afterMs * (1 + 0.1 * random())));
}

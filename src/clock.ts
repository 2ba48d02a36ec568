/** Where the present comes from. Every room takes one as an argument, so that tests drive the time. */
export type Clock = {
  /** Milliseconds since 1970, as `Date.now()`. */
  now(): number;
};

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() };

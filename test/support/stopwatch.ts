const PERIOD_MS = 5;

/**
 * Times a wait for the tests of deadlines. What this process stood still is taken off: on a machine that is busy
 * with other suites a second may pass in which no timer of ours could run, and no deadline can be kept in it.
 *
 * @returns the function that stops the watch and tells the milliseconds.
 */
export function startStopwatch(): () => number {
  const began = performance.now();
  let last = began;
  let stoodStillMs = 0;
  const look = () => {
    const now = performance.now();
    if (now - last > 2 * PERIOD_MS) stoodStillMs += now - last - PERIOD_MS;
    last = now;
  };
  const timer = setInterval(look, PERIOD_MS);
  return () => {
    look();
    clearInterval(timer);
    return performance.now() - began - stoodStillMs;
  };
}

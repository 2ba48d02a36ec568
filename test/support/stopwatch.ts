const PERIOD_MS = 5;

const ranMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/**
 * Times a wait for the tests of deadlines. What this process was not let run is taken off: on a machine that is busy
 * with other suites a second may pass in which no timer of ours could fire, and no deadline can be kept in it. What
 * it stood still for by work of its own counts.
 *
 * @returns the function that stops the watch and tells the milliseconds.
 */
export function startStopwatch(): () => number {
  const began = performance.now();
  let last = began;
  let ranUntilLast = ranMs();
  let keptOutMs = 0;
  const look = () => {
    const [now, ran] = [performance.now(), ranMs()];
    if (now - last > 2 * PERIOD_MS) {
      keptOutMs += Math.max(0, now - last - Math.max(PERIOD_MS, ran - ranUntilLast));
    }
    [last, ranUntilLast] = [now, ran];
  };
  const timer = setInterval(look, PERIOD_MS);
  return () => {
    look();
    clearInterval(timer);
    return performance.now() - began - keptOutMs;
  };
}

const SAME_CTRL_C_MS = 1_000;

/**
 * Hears Ctrl-C and whoever ends processes. To process 1 of a container a signal without a handler is none, so it is
 * called ahead of everything else.
 *
 * @param handlers.first Called once, at the first signal.
 * @param handlers.again Called when a person asks again; a Ctrl-C that the terminal tells and npm tells again is one.
 */
export function onEndSignal(handlers: { first(signal: NodeJS.Signals): void; again(): void }): void {
  let askedAtMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const nowMs = performance.now();
    if (askedAtMs === undefined) {
      askedAtMs = nowMs;
      handlers.first(signal);
    } else if (nowMs - askedAtMs > SAME_CTRL_C_MS) {
      handlers.again();
    }
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

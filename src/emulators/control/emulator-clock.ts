import { ControlRefusal } from './control-refusal.ts';

/** Where the present comes from; the emulators share no code with what they test, so they have their own. */
export type Clock = {
  /** Milliseconds since 1970. */
  now(): number;
};

export const machineClock: Clock = { now: () => Date.now() };

/** A clock that tests move: its base plus an offset in seconds. */
export type EmulatorClock = Clock & {
  offsetSeconds(): number;
  setOffset(seconds: number): void;
};

export function createEmulatorClock(base: Clock = machineClock): EmulatorClock {
  let offset = 0;
  return {
    now: () => base.now() + offset * 1000,
    offsetSeconds: () => offset,
    setOffset(seconds) {
      // Every answer prints the time: beyond what a date holds, none could be given.
      if (Number.isNaN(new Date(base.now() + seconds * 1000).getTime())) {
        throw new ControlRefusal(
          400,
          'invalid_input',
          'offsetSeconds: leads to a time that no date can hold',
        );
      }
      offset = seconds;
    },
  };
}

import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import { createCodeFlow } from './logto-code-flow.ts';
import { createManagementCaller, type ManagementCaller } from './logto-management-caller.ts';

export type LogtoSuite = {
  logto: LogtoEmulator;
  flow: ReturnType<typeof createCodeFlow>;
  /** The Management API. */
  call: ManagementCaller;
};

/** One emulator for the tests of a file, back at its seed before each. `take` is given it ahead of the first. */
export function useLogto(take: (suite: LogtoSuite) => void): void {
  let logto: LogtoEmulator | undefined;
  let caller: Promise<ManagementCaller> | undefined;
  beforeAll(async () => {
    const started = await startLogtoEmulator();
    logto = started;
    take({
      logto: started,
      flow: createCodeFlow(started),
      async call(...request) {
        caller ??= createManagementCaller(started);
        return (await caller)(...request);
      },
    });
  });
  beforeEach(async () => {
    caller = undefined;
    await logto?.reset();
  });
  afterAll(() => logto?.close());
}

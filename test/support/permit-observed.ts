/**
 * Stands in the place of `start-permit-emulator.ts` in every test (`moduleNameMapper` in jest.config.js), so that no
 * suite can start an emulator whose calls go unchecked. It adds an observer and changes nothing. The extra `./`
 * keeps the mapper off this one path.
 */
import { expect } from '@jest/globals';
import {
  type PermitEmulator,
  type PermitEmulatorOptions,
  startPermitEmulator as start,
} from '../../src/emulators/permit/./start-permit-emulator.ts';
import { recorded } from './permit-recording.ts';

export type { PermitEmulator, PermitEmulatorOptions };

export function startPermitEmulator(options: PermitEmulatorOptions = {}): Promise<PermitEmulator> {
  return start(recorded(options, expect.getState().testPath ?? 'a test'));
}

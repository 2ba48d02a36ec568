import { jest } from '@jest/globals';

/**
 * A decision has 950 ms whatever happens, and no test may lengthen that: a machine that stands still for a second
 * makes it a 503. The gate therefore asks a failed test once more, after its errors are printed; a defect fails
 * twice. Runs by hand never retry.
 */
jest.retryTimes(Number(process.env.TEST_RETRIES ?? 0), {
  logErrorsBeforeRetry: true,
  waitBeforeRetry: 2_000,
});

import { join } from 'node:path';

// The processes that suites start read some hundred modules each; compiled once, they start in half the time.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compile');

/** Jest runs the sources as native ES modules; SWC only strips the types, as Node itself does. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Every Permit emulator that a test starts is observed, and held to Permit's document when the run ends.
  moduleNameMapper: { '/permit/start-permit-emulator\\.ts$': '<rootDir>/test/support/permit-observed.ts' },
  globalSetup: '<rootDir>/test/support/permit-run-start.ts',
  globalTeardown: '<rootDir>/test/support/permit-run-end.ts',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  maxWorkers: 2,
  // Modules of suites that have ended stay in the worker: the last suites took five times as long to load as the first.
  workerIdleMemoryLimit: '250MB',
  testTimeout: 30_000,
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.d.ts'],
};

import { afterEach, expect, it } from '@jest/globals';
import { startEmulators } from '../../src/testing.ts';

const before = process.env.NODE_ENV;
afterEach(() => {
  process.env.NODE_ENV = before;
});

it('the testing door refuses to start where NODE_ENV is production, and starts elsewhere', async () => {
  process.env.NODE_ENV = 'production';
  const started = startEmulators().then((emulators) => emulators.close());
  await expect(started).rejects.toThrow('NODE_ENV is production');
  process.env.NODE_ENV = before;
  await (await startEmulators()).close();
});

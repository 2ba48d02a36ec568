import { request } from 'node:http';
import { startPermitEmulator } from '../src/emulators/permit/start-permit-emulator.ts';
import { emptySeed } from '../src/emulators/seed.ts';
import { childOptions, sayReady } from './child.ts';
import { policy } from './permit-emulator-world.ts';

const { demo } = childOptions<{ demo?: boolean }>();
const startedMs = performance.now();
const emulator = await startPermitEmulator(demo ? { policy } : { policy, seed: emptySeed });
await new Promise<void>((resolve, reject) => {
  // Not `fetch`: loading it would take longer than the answer.
  const call = request(`${emulator.url}/allowed`, {
    method: 'POST',
    headers: { authorization: `Bearer ${emulator.keys.environment}`, 'content-type': 'application/json' },
  });
  call.once('response', (answer) => answer.resume().once('end', resolve)).once('error', reject);
  call.end(
    '{"user":{"key":"alice0000000"},"action":"view","resource":{"type":"reports","tenant":"default"}}',
  );
});
sayReady({ url: emulator.url, firstAnswerMs: performance.now() - startedMs });

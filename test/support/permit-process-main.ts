import { startPermitEmulator } from '../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from './permit-policy.ts';

const [dataDir = ''] = process.argv.slice(2);
const emulator = await startPermitEmulator({ policy: examplePolicy, dataDir });
process.stdout.write(`${emulator.url}\n`);

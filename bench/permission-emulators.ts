import { policy } from '../src/app/policy.ts';
import { startLogtoEmulator } from '../src/emulators/logto/emulator.ts';
import { startPermitEmulator } from '../src/emulators/permit/start-permit-emulator.ts';
import { sayReady } from './child.ts';

/** Both vendors' stand-ins, in a process of their own beside the whole application. */
const [logto, permit] = await Promise.all([startLogtoEmulator({ port: 0 }), startPermitEmulator({ policy })]);
sayReady({ logto: logto.url, permit: permit.url, apiKey: permit.keys.environment });

import type { Clock } from '../control/emulator-clock.ts';
import type { Store } from '../store/store.ts';
import type { Directory } from './directory/tables.ts';
import type { IssuedLog } from './issued-log.ts';
import type { IssuedState } from './oidc/issued-state.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

export type LogtoVersion = '1.41' | '1.42';

/** What every part of the emulator works on. */
export type Issuer = {
  /** Origin that browsers and servers see, without a trailing slash. */
  url: string;
  /** `{url}/oidc` */
  issuer: string;
  version: LogtoVersion;
  clock: Clock;
  store: Store;
  directory: Directory;
  keys: SigningKeys;
  issued: IssuedState;
  issuedLog: IssuedLog;
  webhooks: Webhooks;
  /** People whom the sign-in page offers without a password. */
  pickable: ReadonlySet<string>;
  /** Raised by each reset: work that began under another one has nothing left to act on, and stops. */
  generation(): number;
  /** Work that goes on after the answer; it never rejects, and `close` waits for it. */
  background(work: Promise<void>): void;
  /** Aborted when the emulator closes. */
  closing: AbortSignal;
};

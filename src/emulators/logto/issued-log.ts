import type { Clock } from '../control/emulator-clock.ts';

export type IssuedToken = {
  at: string;
  kind: 'access' | 'opaque' | 'id' | 'refresh' | 'logout';
  via: string;
  subject: string;
  clientId: string;
  audience?: string;
  organizationId?: string;
  scope?: string;
  jti?: string;
  expiresAt?: string;
};

const LIMIT = 300;

/** The newest tokens that were issued, without the tokens themselves; for the inspector page. */
export function createIssuedLog(clock: Clock) {
  let entries: IssuedToken[] = [];
  return {
    add(entry: Omit<IssuedToken, 'at'>): void {
      entries.push({ at: new Date(clock.now()).toISOString(), ...entry });
      if (entries.length > LIMIT) entries.shift();
    },
    newestFirst: (): IssuedToken[] => entries.toReversed(),
    clear(): void {
      entries = [];
    },
  };
}

export type IssuedLog = ReturnType<typeof createIssuedLog>;

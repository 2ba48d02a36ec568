import type { Express } from 'express';
import { pino } from 'pino';
import { readConfig } from '../app/config.ts';
import { createApp } from '../app/create-app.ts';
import { gateSettingsOf } from '../app/gate-settings.ts';
import { withEmbedded } from '../app/with-embedded.ts';
import { seedLogto } from '../embedded/start-emulators.ts';
import { createGate } from '../index.ts';

/** The reference application put together to be looked at: nothing is opened, no variable is needed. */
export function listApplication(version: string): Express {
  const config = withEmbedded(readConfig({}), {
    logto: { endpoint: 'http://localhost:3001', ...seedLogto },
    secrets: { sessionSecret: 'x'.repeat(32), webhookSigningKey: 'x'.repeat(32) },
  });
  const gate = createGate({ ...gateSettingsOf(config), log: pino({ level: 'silent' }) });
  return createApp({ gate, config, version, refuseUnguarded: false });
}

import { stripTypeScriptTypes } from 'node:module';
import { expect, it } from '@jest/globals';
import express from 'express';
import { pino } from 'pino';
import { authenticatedRoute, createGate, definePolicy, pathParam, principalOf } from '../../src/index.ts';
import { blocksOf } from '../support/app-documents.ts';

const handler = (_req: unknown, res: express.Response) => void res.end();

it.each(['docs/auth.md', 'docs/sessions.md', 'docs/permission.md'])(
  'routes copied from %s pass the census',
  (page) => {
    const gate = createGate({
      logto: { endpoint: 'http://127.0.0.1:1', apiResource: 'http://localhost:3000/api' },
      permit: { apiKey: 'key', pdpUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1' },
      policy: definePolicy({
        resources: { reports: { actions: ['view'] } },
        roles: { viewer: ['reports:view'] },
      }),
      database: {},
      log: pino({ level: 'silent' }),
    });
    const app = express();
    gate.watchRoutes(app);
    const names = {
      ...(page === 'docs/permission.md' ? gate : {}),
      ...{ app, gate, router: app, authenticatedRoute, definePolicy, pathParam, principalOf },
      ...{ show: handler, showMe: handler, showConsole: handler, reports: new Map() },
    };
    const [sample] = blocksOf(page).filter(({ language }) => language === 'ts');
    new Function(...Object.keys(names), stripTypeScriptTypes(sample?.text ?? ''))(...Object.values(names));
    expect(() => gate.assertGuarded(app)).not.toThrow();
    expect(() => app.get('/open', handler)).toThrow('authenticatedRoute');
  },
);

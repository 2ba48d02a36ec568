import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readConfig } from '../../src/app/config.ts';
import { fields } from '../../src/app/config-fields.ts';

type Service = {
  image?: string;
  environment: Record<string, string>;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
};
const compose = parse(readFileSync('docker-compose.yml', 'utf8')) as {
  services: Record<string, Service>;
  volumes: object;
};
const dockerfile = readFileSync('Dockerfile', 'utf8');

/** `${NAME:-default}` and `${NAME:?message}`, as Compose reads them. */
const filledIn = (text: string, env: Record<string, string>) =>
  text.replace(
    /\$\{(\w+):([-?])([^}]*)\}/g,
    (_all, name: string, kind: string, rest: string) => env[name] ?? (kind === '-' ? rest : `<${name}>`),
  );

describe('docker-compose.yml', () => {
  it('has the four services, each pinned and with a health check', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['app', 'logto', 'permit-pdp', 'postgres']);
    for (const [name, { image, healthcheck }] of Object.entries(compose.services)) {
      expect([name, image]).toEqual([name, expect.stringMatching(/:\d+\.\d+/)]);
      expect([name, healthcheck?.test[0]]).toEqual([name, expect.stringMatching(/^CMD/)]);
    }
    expect(compose.services.logto?.image).toBe('svhd/logto:1.42.0');
  });

  it('starts the application when the others are healthy, and opens ports on loopback only', () => {
    const conditions = Object.values(compose.services.app?.depends_on ?? {}).map(
      ({ condition }) => condition,
    );
    expect(conditions).toEqual(['service_healthy', 'service_healthy', 'service_healthy']);
    const ports = Object.values(compose.services).flatMap(({ ports: some = [] }) => some);
    expect(ports.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
  });

  it('configures the application with variables that it knows and accepts', () => {
    const raw = compose.services.app?.environment ?? {};
    expect(Object.keys(raw).filter((name) => !(name in fields))).toEqual([]);
    const given = {
      LOGTO_WEBHOOK_SIGNING_KEYS: 'a-key-from-the-console',
      PERMIT_API_KEY: 'permit_key_abc',
      LOGTO_APP_ID: 'app',
      LOGTO_APP_SECRET: 'secret',
      SESSION_SECRETS: 'x'.repeat(32),
    };
    const config = readConfig(
      Object.fromEntries(Object.entries(raw).map(([name, text]) => [name, filledIn(text, given)])),
    );
    expect(config.logto).toMatchObject({
      endpoint: 'http://localhost:3001',
      internalEndpoint: 'http://logto:3001',
    });
    expect(config.permit).toMatchObject({ emulated: false, pdpUrl: 'http://permit-pdp:7000' });
    expect(config.database.url).toMatch(/@postgres:5432\/app$/);
  });
});

describe('the first start of the containers', () => {
  const text = readFileSync('docker-compose.yml', 'utf8');

  it('needs no variable before Logto has shown any: a required one stops every service, asked for or not', () => {
    expect(text).not.toMatch(/\$\{\w+:?\?/);
    expect(compose.services.logto?.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  });

  it('of the application says what is still missing, and runs on no emulator instead', () => {
    const raw = Object.entries(compose.services.app?.environment ?? {});
    const start = () =>
      readConfig(Object.fromEntries(raw.map(([name, value]) => [name, filledIn(value, {})])));
    expect(start).toThrow(/LOGTO_WEBHOOK_SIGNING_KEYS is missing[\s\S]*PERMIT_API_KEY is missing/);
  });
});

describe('Dockerfile', () => {
  it('builds in one stage and runs in another, not as root', () => {
    expect(dockerfile.match(/^FROM node:24\.\d+-/gm)).toHaveLength(2);
    expect(dockerfile).toMatch(/npm ci/);
    expect(dockerfile.lastIndexOf('\nUSER node')).toBeGreaterThan(dockerfile.lastIndexOf('\nFROM '));
    expect(dockerfile).toMatch(/HEALTHCHECK[\s\S]*readyz/);
    expect(dockerfile).toMatch(/CMD \["node", "dist\/server\.js"\]/);
  });
});

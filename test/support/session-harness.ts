import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { pino } from 'pino';
import supertest, { type Response as Answer } from 'supertest';
import { createBearerAuth, createOptionalAuth } from '../../src/auth/bearer-auth.ts';
import { type Principal, principalOf } from '../../src/auth/principal.ts';
import { revocationMigrations } from '../../src/auth/revocation-migrations.ts';
import { createRevocations } from '../../src/auth/revocations.ts';
import { createVerifier } from '../../src/auth/verifier.ts';
import { notFound } from '../../src/http/not-found.ts';
import { problemDetails } from '../../src/http/problem-details.ts';
import { requestId } from '../../src/http/request-id.ts';
import { createLogtoSession, type LogtoSessionOptions } from '../../src/logto/logto-session.ts';
import { sessionMigrations } from '../../src/logto/session-migrations.ts';
import { openTestDatabase } from './database.ts';
import { startSessionOidc } from './session-oidc.ts';

export const secretOf = (letter: string) => letter.repeat(40);
export const RESOURCE = 'http://localhost:3000/api';

/**
 * An application with browser sessions before the lying provider of `startSessionOidc`, real in every part:
 * database, verifier, revocations, HTTP.
 */
export async function openSessionHarness(
  options: Partial<LogtoSessionOptions> & {
    verifyTtlMs?: number;
    requestIds?: boolean;
    /** What the application mounts ahead of the sessions. */
    before?: RequestHandler[];
    /** Pages of the application, by path. */
    pages?: Record<string, string>;
    /** Another provider than the lying one, made for the address of the application. */
    provider?: (baseUrl: string) => Promise<{ url: string; issuer: string }>;
  } = {},
) {
  const clock = { offsetMs: 0, now: () => Date.now() + clock.offsetMs };
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const oidc = await startSessionOidc({ clock, resource: RESOURCE });
  const database =
    options.database ?? (await openTestDatabase([...sessionMigrations, ...revocationMigrations]));
  const revocations = createRevocations({ database, clock, log });
  await revocations.start();
  const app = express();
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = options.baseUrl ?? `http://localhost:${(server.address() as AddressInfo).port}`;
  if (baseUrl.startsWith('https:')) app.set('trust proxy', 'loopback');

  const provider = (await options.provider?.(baseUrl)) ?? oidc;
  const verifier = createVerifier({
    issuers: [provider.issuer],
    audiences: [RESOURCE],
    defaultTenant: 'default',
    tokenCacheTtlMs: options.verifyTtlMs ?? 0,
    revocations,
    clock,
    log,
  });

  const sessionOptions: LogtoSessionOptions = {
    endpoint: provider.url,
    issuers: [provider.issuer],
    appId: oidc.appId,
    appSecret: oidc.appSecret,
    baseUrl,
    apiResource: RESOURCE,
    secrets: [secretOf('a')],
    trustProxy: 'loopback',
    database,
    verifier,
    keySet: verifier.keySet,
    revocations,
    clock,
    log,
    timeoutMs: 1_500,
    ...options,
  };
  const logto = createLogtoSession(sessionOptions);
  await logto.start();

  const ran: string[] = [];
  const seen: (Principal | undefined)[] = [];
  app.use(requestId(), (_req, res, next) => {
    if (options.requestIds !== false) res.set('X-Request-Id', 'request-<1>');
    else res.removeHeader('X-Request-Id');
    next();
  });
  for (const step of options.before ?? []) app.use(step);
  app.use(logto.routes);
  app.get('/whoami', logto.session(), (req, res) => {
    const who = principalOf(req);
    seen.push(who);
    res.json(who ? { sub: who.sub, tenant: who.tenant, via: who.via, kind: who.kind } : { sub: null });
  });
  app.get('/both', createOptionalAuth(verifier)(), logto.session(), (req, res) => {
    res.json({ sub: principalOf(req)?.sub ?? null, via: principalOf(req)?.via ?? null });
  });
  app.get('/either', logto.session(), createBearerAuth(verifier)(), (req, res) => {
    res.json({ sub: principalOf(req)?.sub ?? null });
  });
  app.get('/twice', logto.session(), logto.session(), (req, res) => {
    res.json({ sub: principalOf(req)?.sub ?? null, via: principalOf(req)?.via ?? null });
  });
  app.all('/write', logto.session(), (req, res) => {
    ran.push(req.method);
    seen.push(principalOf(req));
    res.json({ sub: principalOf(req)?.sub ?? null });
  });
  for (const [path, html] of Object.entries(options.pages ?? {})) {
    app.get(path, (_req, res) => void res.type('html').send(html));
  }
  app.use(notFound(), problemDetails({ log }));

  return {
    oidc,
    database,
    clock,
    logto,
    logged,
    log,
    revocations,
    verifier,
    baseUrl,
    app,
    server,
    ran,
    seen,
    sessionOptions,
    browser: () => createBrowser(server, baseUrl),
    async rows() {
      const { rows } = await database.query<{
        id_hash: string;
        sub: string;
        sid: string | null;
        sealed: string;
      }>('SELECT id_hash, sub, sid, sealed FROM elp.session ORDER BY started_at');
      return rows;
    },
    async close() {
      await logto.stop();
      await revocations.stop();
      verifier.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await oidc.close();
      if (!options.database) await database.close();
    },
  };
}

export type SessionHarness = Awaited<ReturnType<typeof openSessionHarness>>;

/** Options for another instance of the application, on the same database and provider. */
export const instanceBeside = ({ database, oidc, verifier }: SessionHarness) => ({
  database,
  endpoint: oidc.url,
  issuers: [oidc.issuer],
  verifier,
  keySet: verifier.keySet,
});

/** What a browser is to the server: a cookie jar, and the headers that a page of the site sends. */
export function createBrowser(server: Parameters<typeof supertest>[0], baseUrl: string) {
  const jar = new Map<string, string>();
  const secure = baseUrl.startsWith('https:');

  function keep(answer: Answer): Answer {
    for (const line of (answer.headers['set-cookie'] as unknown as string[] | undefined) ?? []) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  async function send(
    method: 'get' | 'post' | 'put' | 'delete' | 'head' | 'options',
    path: string,
    more: {
      headers?: Record<string, string>;
      json?: unknown;
      form?: Record<string, string>;
      text?: string;
      crossSite?: boolean;
    } = {},
  ): Promise<Answer> {
    const site: Record<string, string> = more.crossSite
      ? { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }
      : method === 'get'
        ? { 'Sec-Fetch-Site': 'same-origin' }
        : { 'Sec-Fetch-Site': 'same-origin', Origin: baseUrl };
    let call = supertest(server)[method](path).redirects(0).set(site);
    if (secure) call = call.set('X-Forwarded-Proto', 'https');
    if (jar.size > 0)
      call = call.set('Cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    call = call.set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8').set(more.headers ?? {});
    if (more.form) call = call.type('form').send(more.form);
    if (more.text !== undefined)
      call = call.set('Content-Type', more.headers?.['Content-Type'] ?? 'text/plain').send(more.text);
    if (more.json !== undefined) call = call.send(more.json as object);
    return keep(await call);
  }

  /** Path and query of an absolute address of ours. */
  const pathOf = (location: string) => {
    const url = new URL(location, baseUrl);
    return `${url.pathname}${url.search}`;
  };

  const browser = {
    jar,
    send,
    get: (path: string, headers: Record<string, string> = {}) => send('get', path, { headers }),
    pathOf,
    /** `GET /logto/sign-in`, then Logto, up to the address of the call-back. */
    async begin(path = '/logto/sign-in'): Promise<string> {
      const started = await send('get', path);
      const back = await fetch(started.headers.location as string, { redirect: 'manual' });
      return pathOf(back.headers.get('location') as string);
    },
    async signIn(path?: string): Promise<Answer> {
      return send('get', await browser.begin(path));
    },
    whoami: async () =>
      (await send('get', '/whoami')).body as { sub: string | null; tenant?: string; via?: string },
    sessionCookie: () => [...jar].find(([name]) => name.endsWith('elp-session'))?.[1],
  };
  return browser;
}

export type Browser = ReturnType<typeof createBrowser>;

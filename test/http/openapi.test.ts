import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { z } from 'zod';
import { type DocumentedRow, openApiDocument } from '../../src/http/openapi.ts';
import { openApiHandlers } from '../../src/http/openapi-routes.ts';

const rows: DocumentedRow[] = [
  { method: 'GET', path: '/livez', authentication: '', guard: { kind: 'public', reason: 'probe' } },
  { method: 'GET', path: '/api/me', authentication: 'bearer or session', guard: { kind: 'authenticated' } },
  {
    method: 'POST',
    path: '/hooks',
    authentication: 'signature',
    guard: { kind: 'signature', reason: 'HMAC of the "raw" body' },
  },
  {
    method: 'POST',
    path: '/logout-token',
    authentication: 'signature',
    guard: { kind: 'signature', reason: 'token in the form' },
  },
  {
    method: 'POST',
    path: '/sign-out',
    authentication: 'session',
    guard: { kind: 'session', reason: 'own session' },
  },
  {
    method: 'GET',
    path: '/api/reports',
    authentication: 'bearer',
    guard: { kind: 'permission', action: 'view', resource: 'reports' },
  },
  {
    method: 'PATCH',
    path: '/api/reports/:reportId',
    authentication: 'bearer',
    guard: { kind: 'permission', action: 'edit', resource: 'reports' },
  },
  {
    method: 'GET',
    path: '/mixed',
    authentication: '',
    guard: { kind: 'permission', action: 'a', resource: 'x' },
  },
  {
    method: 'POST',
    path: '/mixed',
    authentication: '',
    guard: { kind: 'permission', action: 'b', resource: 'y' },
  },
  { method: 'USE', path: '/files', authentication: '' },
  { method: 'GET', path: '/', authentication: '' },
];

const report = z.object({ id: z.string(), title: z.string(), createdAt: z.date() });
const description = {
  title: 'Reports <API>',
  version: '1.0.0',
  description: 'Who may see "what".',
  baseUrl: 'http://localhost:3000',
  routes: {
    'POST /hooks': { summary: 'Letters', signatureHeader: 'x-signature' },
    'GET /api/reports': {
      summary: 'List reports',
      tag: 'reports',
      query: z.object({ limit: z.coerce.number().int().max(100).default(20), cursor: z.string() }),
      responses: { 200: { description: 'A page', schema: z.object({ items: z.array(report) }) } },
    },
    'PATCH /api/reports/:reportId': {
      summary: 'Edit',
      description: 'Only <title> and body.',
      body: z.strictObject({ title: z.string().min(1).optional() }),
      responses: { 200: { description: 'The report', schema: report }, 204: { description: 'Nothing' } },
    },
  },
};

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into here, not typed
const build = () => openApiDocument(rows, description) as any;

describe('the OpenAPI document', () => {
  it('has every route once, with what guards it', () => {
    const { openapi, paths, info } = build();
    expect(openapi).toBe('3.1.0');
    expect(info.description).toBe('Who may see "what".');
    expect(Object.keys(paths)).toEqual([
      '/livez',
      '/api/me',
      '/hooks',
      '/logout-token',
      '/sign-out',
      '/api/reports',
      '/api/reports/{reportId}',
      '/mixed',
      '/',
    ]);
    const list = paths['/api/reports'];
    expect(list['x-permit-resource']).toBe('reports');
    expect(list.get).toMatchObject({
      'x-permit-resource': 'reports',
      'x-permit-action': 'view',
      summary: 'List reports',
    });
    expect(paths['/mixed']['x-permit-resource']).toBeUndefined();
    expect(paths['/livez'].get.security).toEqual([]);
    expect(paths['/livez'].get.responses).toEqual({ 200: { description: 'Success' } });
    expect(paths['/api/me'].get.security).toHaveLength(2);
    expect(Object.keys(paths['/api/me'].get.responses)).toEqual(['200', '401']);
  });

  it('names the credentials that each guard asks for', () => {
    const { paths, components } = build();
    expect(paths['/livez'].get['x-guard']).toEqual({ kind: 'public', reason: 'probe' });
    expect(paths['/'].get).not.toHaveProperty('x-guard');
    expect(paths['/api/me'].get.security).toEqual([{ bearer: [] }, { session: [] }]);
    expect(paths['/api/reports'].get.security).toEqual([{ bearer: [] }]);
    expect(paths['/mixed'].get.security).toEqual([{ bearer: [] }, { session: [] }]);
    expect(paths['/sign-out'].post.security).toEqual([{ session: [] }]);
    expect(paths['/hooks'].post).toMatchObject({
      'x-guard': { kind: 'signature', reason: 'HMAC of the "raw" body' },
      security: [{ 'x-signature': [] }],
    });
    expect(components.securitySchemes['x-signature']).toMatchObject({ in: 'header', name: 'x-signature' });
    expect(paths['/logout-token'].post).toMatchObject({ 'x-guard': { kind: 'signature' }, security: [] });
  });

  it('describes requests and answers by the schemas that check them', () => {
    const { paths } = build();
    expect(paths['/api/reports'].get.parameters).toEqual([
      {
        name: 'limit',
        in: 'query',
        required: false,
        schema: expect.objectContaining({ default: 20, maximum: 100 }),
      },
      { name: 'cursor', in: 'query', required: true, schema: { type: 'string' } },
    ]);
    const edit = paths['/api/reports/{reportId}'];
    expect(edit.parameters).toEqual([
      { name: 'reportId', in: 'path', required: true, schema: { type: 'string' } },
    ]);
    const body = edit.patch.requestBody.content['application/json'].schema;
    expect(body).toMatchObject({ type: 'object', additionalProperties: false });
    expect(body.$schema).toBeUndefined();
    expect(Object.keys(edit.patch.responses)).toEqual(['200', '204', '400', '401', '403', '503']);
    expect(edit.patch.responses[204]).toEqual({ description: 'Nothing' });
    expect(edit.patch.responses[403].content).toHaveProperty(['application/problem+json']);
  });

  it('refuses a description without a route', () => {
    expect(() =>
      openApiDocument(rows, { ...description, routes: { 'GET /gone': { summary: 'x' } } }),
    ).toThrow('GET /gone');
    const { description: _, ...plain } = description;
    expect(openApiDocument(rows, plain).info).toEqual({ title: 'Reports <API>', version: '1.0.0' });
  });
});

describe('the page', () => {
  const app = express();
  let built = 0;
  const { json, page } = openApiHandlers(() => {
    built += 1;
    return build();
  });
  app.get('/openapi.json', json);
  app.get('/docs', page);

  it('is served beside the document, which is built once', async () => {
    const answer = await request(app).get('/openapi.json').expect(200);
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(build())));
    await request(app).get('/docs').expect(200);
    await request(app).get('/docs').expect(200);
    expect(built).toBe(1);
  });

  it('needs no script and no other address, and its policy allows its one style', async () => {
    const { text, headers } = await request(app).get('/docs').expect('Content-Type', /html/);
    expect(text).not.toMatch(/<script|https?:|src=/);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] as string;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${hash}'`);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(text).toContain('reports:view');
    expect(text).toContain('public');
  });

  it('calls public what is public, and nothing else', async () => {
    const { text } = await request(app).get('/docs');
    const badgeOf = (path: string) =>
      new RegExp(`<code>${path}</code>.*<span class="(?:open|guard)"[^>]*>([^<]*)</span></summary>`).exec(
        text,
      )?.[1];
    expect(badgeOf('/livez')).toBe('public');
    expect(badgeOf('/api/me')).toBe('signed in');
    expect(badgeOf('/hooks')).toBe('signature');
    expect(badgeOf('/logout-token')).toBe('signature');
    expect(badgeOf('/sign-out')).toBe('session');
    expect(badgeOf('/api/reports')).toBe('reports:view');
    expect(badgeOf('/')).toBe('no guard');
    expect(text).toContain('title="HMAC of the &#34;raw&#34; body"');
  });

  it('escapes what it shows', async () => {
    const { text } = await request(app).get('/docs');
    expect(text).not.toContain('<API>');
    expect(text).not.toContain('<title> and body');
    expect(text).toContain('Reports &#60;API&#62;');
  });

  it('shows a document without a description', () => {
    const { description: _, ...plain } = description;
    const bare = express();
    bare.get('/docs', openApiHandlers(() => openApiDocument(rows, plain)).page);
    return request(bare).get('/docs').expect(200);
  });
});

import { z } from 'zod';
import type { RouteDocument } from '../index.ts';
import { adminDocuments } from './routes/admin.ts';
import { meDocuments } from './routes/me.ts';
import { memberDocuments } from './routes/members.ts';
import { reportDocuments } from './routes/reports.ts';
import { shareDocuments } from './routes/shares.ts';

type Documents = Record<string, RouteDocument>;

/** Every route of the application in words, under the group that a reader looks for it in. */
export function routeDocuments(rows: readonly { path: string }[]): Documents {
  // Without a web application at Logto there is nothing to sign in with.
  const hasSessions = rows.some(({ path }) => path === '/logto/sign-in');
  return {
    ...tagged('health', healthDocuments),
    ...tagged('webhooks', webhookDocuments),
    ...(hasSessions ? tagged('browser sessions', sessionDocuments) : {}),
    ...tagged('reports', { ...reportDocuments, ...shareDocuments }),
    ...tagged('members', memberDocuments),
    ...tagged('the caller', meDocuments),
    ...tagged('operations', { ...adminDocuments, ...metricsDocuments }),
    ...tagged('API description', descriptionDocuments),
  };
}

function tagged(tag: string, documents: Documents): Documents {
  return Object.fromEntries(
    Object.entries(documents).map(([route, document]) => [route, { tag, ...document }]),
  );
}

const healthDocuments: Documents = {
  'GET /livez': {
    summary: 'Does the process answer; touches nothing',
    responses: { 200: { description: 'It does' } },
  },
  'GET /readyz': {
    summary: 'May requests be sent here; part by part',
    responses: { 200: { description: 'Ready, or degraded' }, 503: { description: 'Not now' } },
  },
};

const webhookDocuments: Documents = {
  'POST /api/webhooks/logto': {
    summary: "Logto's webhooks: verified, stored, worked later",
    signatureHeader: 'logto-signature-sha-256',
    responses: {
      200: { description: 'Stored, or stored before', schema: z.object({ status: z.string() }) },
      400: { description: 'Signed, but not fresh' },
      401: { description: 'No good signature' },
      503: { description: 'Could not be stored; send it again' },
    },
  },
};

const goesToLogto = { 302: { description: 'To Logto' } };

const sessionDocuments: Documents = {
  'GET /logto/sign-in': {
    summary: 'Sign in with Logto',
    query: z.object({ returnTo: z.string().optional() }),
    responses: goesToLogto,
  },
  'GET /logto/sign-up': {
    summary: 'Register with Logto',
    query: z.object({ returnTo: z.string().optional() }),
    responses: goesToLogto,
  },
  'GET /logto/sign-in-callback': {
    summary: 'Where Logto sends the browser back to; begins the session',
    responses: { 302: { description: 'To the page that the visitor came for' } },
  },
  'POST /logto/sign-out': {
    summary: 'End the session, here and at Logto',
    responses: {
      200: { description: 'Where to go, for a script', schema: z.object({ redirectTo: z.string() }) },
      303: { description: 'To Logto, for a page' },
      403: { description: 'Sent from a foreign page' },
    },
  },
  'POST /logto/organization': {
    summary: 'Act in another organization, or in none',
    body: z.strictObject({ organizationId: z.string().nullable() }),
    responses: {
      200: {
        description: 'The tenant from now on',
        schema: z.object({ organizationId: z.string().nullable(), tenant: z.string() }),
      },
      401: { description: 'No session' },
      403: { description: 'Not a member, or sent from a foreign page' },
    },
  },
  'POST /logto/backchannel-logout': {
    summary: 'Logto ends sessions: a signed logout token in the form field `logout_token`',
    responses: { 200: { description: 'Ended' }, 400: { description: 'No good logout token' } },
  },
};

const metricsDocuments: Documents = {
  'GET /metrics': {
    summary: 'Measurements for Prometheus',
    responses: { 200: { description: 'In its text format' } },
  },
};

const descriptionDocuments: Documents = {
  'GET /openapi.json': { summary: 'This description for programs: OpenAPI 3.1' },
  'GET /docs': { summary: 'This description as a page' },
};

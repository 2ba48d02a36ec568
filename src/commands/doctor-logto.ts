import { decodeJwt } from 'jose';
import { z } from 'zod';
import { askJson } from './ask-json.ts';
import type { Finding } from './finding.ts';
import type { Reached } from './reach-services.ts';

const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.string(), token_endpoint: z.string() });
const keys = z.looseObject({ keys: z.array(z.looseObject({ alg: z.string().optional(), kty: z.string() })) });
const hooks = z.array(
  z.looseObject({
    id: z.string(),
    config: z.looseObject({ url: z.string() }).optional(),
    enabled: z.boolean().optional(),
  }),
);

/** Discovery, keys, tokens and the Management API, in the order in which one needs the other. */
export async function* logtoChecks({ config }: Reached): AsyncGenerator<Finding> {
  const part = 'logto';
  const { logto } = config;
  const inner = logto.internalEndpoint;
  const found = await askJson(`${inner}/oidc/.well-known/openid-configuration`);
  if ('failure' in found || found.status !== 200) {
    yield {
      part,
      state: 'fail',
      what: `${inner} does not answer with its discovery document (${'failure' in found ? found.failure : `status ${found.status}`})`,
      mend: logto.emulated
        ? 'the emulator does not run: npm start, or npm run emulators'
        : 'check LOGTO_ENDPOINT (and LOGTO_INTERNAL_ENDPOINT): the address of the tenant, without /oidc',
    };
    return;
  }
  const document = discovery.safeParse(found.body);
  if (!document.success) {
    yield { part, state: 'fail', what: `${inner} answers, but not as a Logto`, mend: 'check LOGTO_ENDPOINT' };
    return;
  }
  yield { part, state: 'ok', what: `discovery at ${inner}` };
  const { issuer } = document.data;
  if (logto.issuers.includes(issuer)) yield { part, state: 'ok', what: `issuer ${issuer}` };
  else {
    yield {
      part,
      state: 'fail',
      what: `tokens will name the issuer ${issuer}, and LOGTO_ISSUER has ${logto.issuers.join(', ')}: every token would be refused`,
      mend: `set LOGTO_ISSUER=${issuer}`,
    };
  }
  yield await keyCheck(config);
  if (!logto.app)
    yield {
      part,
      state: 'warn',
      what: 'no web application: browser sessions are off',
      mend: 'set LOGTO_APP_ID and LOGTO_APP_SECRET if people sign in with a browser',
    };
  yield* managementChecks(config);
}

async function keyCheck({ logto }: Reached['config']): Promise<Finding> {
  const url = logto.jwksUri ?? `${logto.internalEndpoint}/oidc/jwks`;
  const answer = await askJson(url);
  const parsed = 'failure' in answer ? undefined : keys.safeParse(answer.body);
  if (!parsed?.success || parsed.data.keys.length === 0) {
    return { part: 'logto', state: 'fail', what: `no key set at ${url}`, mend: 'check LOGTO_JWKS_URI' };
  }
  const algorithms = [...new Set(parsed.data.keys.map(({ alg }) => alg).filter((alg) => alg !== undefined))];
  const usable = algorithms.filter((alg) => logto.algorithms.includes(alg));
  if (algorithms.length > 0 && usable.length === 0) {
    return {
      part: 'logto',
      state: 'fail',
      what: `Logto signs with ${algorithms.join(', ')}, LOGTO_ALGORITHMS allows ${logto.algorithms.join(', ')}`,
      mend: `add ${algorithms[0]} to LOGTO_ALGORITHMS`,
    };
  }
  return {
    part: 'logto',
    state: 'ok',
    what: `${parsed.data.keys.length} signing key(s)${usable.length > 0 ? `, ${usable.join(', ')}` : ''}`,
  };
}

async function* managementChecks({ logto, baseUrl }: Reached['config']): AsyncGenerator<Finding> {
  const part = 'logto';
  const inner = logto.internalEndpoint;
  const { management } = logto;
  if (!management) {
    yield {
      part,
      state: 'warn',
      what: 'no machine application: webhooks alone keep Permit in step, and roles given in Logto are never seen',
      mend: 'set LOGTO_M2M_APP_ID and LOGTO_M2M_APP_SECRET of one with access to the Management API',
    };
    return;
  }
  const answer = await askJson(`${inner}/oidc/token`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${Buffer.from(`${management.appId}:${management.appSecret}`).toString('base64')}`,
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: management.resource,
      scope: 'all',
    }),
  });
  const token = 'failure' in answer ? undefined : (answer.body as { access_token?: string }).access_token;
  if (!token) {
    const code =
      'failure' in answer ? answer.failure : ((answer.body as { error?: string }).error ?? answer.status);
    yield {
      part,
      state: 'fail',
      what: `no token for the Management API (${code})`,
      mend:
        code === 'invalid_target'
          ? `LOGTO_MANAGEMENT_API_RESOURCE is ${management.resource}; Logto OSS wants https://default.logto.app/api whatever its host, Logto Cloud https://<tenant id>.logto.app/api`
          : 'check LOGTO_M2M_APP_ID and LOGTO_M2M_APP_SECRET, and that it is a machine-to-machine application',
    };
    return;
  }
  const users = await askJson(`${inner}/api/users?page=1&page_size=1`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  if ('failure' in users || users.status !== 200) {
    yield {
      part,
      state: 'fail',
      what: `the Management API refuses the token (${'failure' in users ? users.failure : `status ${users.status}`}; audience ${audienceOf(token)})`,
      mend: 'give the machine application a role with the permission "all" of the Logto Management API',
    };
    return;
  }
  yield { part, state: 'ok', what: 'the Management API answers' };
  yield await hookCheck(inner, token, baseUrl);
}

async function hookCheck(inner: string, token: string, baseUrl: string): Promise<Finding> {
  const part = 'logto';
  const answer = await askJson(`${inner}/api/hooks`, { headers: { Authorization: `Bearer ${token}` } });
  const parsed = 'failure' in answer ? undefined : hooks.safeParse(answer.body);
  const ours = parsed?.data?.filter(({ config }) => config?.url.endsWith('/api/webhooks/logto')) ?? [];
  if (ours.length === 0) {
    return {
      part,
      state: 'warn',
      what: 'no webhook at Logto ends in /api/webhooks/logto: nobody is told of registrations',
      mend: `make one in the console, for ${baseUrl}/api/webhooks/logto`,
    };
  }
  if (ours.every(({ enabled }) => enabled === false)) {
    return {
      part,
      state: 'warn',
      what: 'the webhook at Logto is switched off',
      mend: 'enable it in the console',
    };
  }
  return { part, state: 'ok', what: `webhook to ${ours[0]?.config?.url}` };
}

function audienceOf(token: string): string {
  try {
    return String(decodeJwt(token).aud);
  } catch {
    return 'none: an opaque token';
  }
}

import { type PolicyInput, systemClock } from '../index.ts';
import { isCloudPdp } from '../permit/call-budget.ts';
import { createPolicyEnvironment } from '../permit/policy-environment.ts';
import { askJson } from './ask-json.ts';
import { commandLine } from './catalogue.ts';
import type { CommandContext } from './command.ts';
import type { Finding } from './finding.ts';
import type { Reached } from './reach-services.ts';

/** The key, the decision point, and whether the environment knows the policy. */
export async function* permitChecks(
  { config }: Reached,
  { policy, context }: { policy: PolicyInput | undefined; context: CommandContext },
): AsyncGenerator<Finding> {
  const part = 'permit';
  const { apiKey, apiUrl, pdpUrl, emulated } = config.permit;
  const bearer = { Authorization: `Bearer ${apiKey}` };
  const start = 'the emulator does not run: npm start, or npm run emulators';

  const scope = await askJson(`${apiUrl}/v2/api-key/scope`, { headers: bearer });
  if ('failure' in scope) {
    const mend = emulated ? start : 'check PERMIT_API_URL and the way to the internet';
    yield { part, state: 'fail', what: `${apiUrl} does not answer (${scope.failure})`, mend };
  } else if (scope.status !== 200) {
    yield {
      part,
      state: 'fail',
      what: `${apiUrl} refuses the API key (status ${scope.status})`,
      mend: 'check PERMIT_API_KEY: Permit shows it under Settings, API keys',
    };
  } else if (!(scope.body as { environment_id?: string | null } | null)?.environment_id) {
    yield {
      part,
      state: 'fail',
      what: 'the API key is of an organization or a project',
      mend: 'PERMIT_API_KEY has to be the key of one environment',
    };
  } else {
    yield { part, state: 'ok', what: `the API key is of one environment at ${apiUrl}` };
    yield await policyCheck({ apiKey, apiUrl, policy, context });
  }

  const decision = await askJson(`${pdpUrl}/allowed`, {
    method: 'POST',
    headers: { ...bearer, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      user: { key: 'doctor-asks-for-nobody' },
      action: 'view',
      resource: { type: 'reports', tenant: config.permit.defaultTenant },
      context: {},
    }),
  });
  if ('failure' in decision) {
    const mend = emulated ? start : 'check PERMIT_PDP_URL; a PDP container listens on 7000';
    yield {
      part,
      state: 'fail',
      what: `the decision point ${pdpUrl} does not answer (${decision.failure})`,
      mend,
    };
  } else if (decision.status === 401 || decision.status === 403) {
    yield {
      part,
      state: 'fail',
      what: `the decision point ${pdpUrl} refuses the API key`,
      mend: 'the PDP container has to run with the key of the same environment (PDP_API_KEY)',
    };
  } else if (typeof (decision.body as { allow?: unknown } | null)?.allow !== 'boolean') {
    yield {
      part,
      state: 'fail',
      what: `${pdpUrl} answers without a decision (status ${decision.status})`,
      mend: 'check PERMIT_PDP_URL: that is not a decision point',
    };
  } else {
    yield { part, state: 'ok', what: `decisions at ${pdpUrl}` };
  }
  if (isCloudPdp(pdpUrl)) {
    yield {
      part,
      state: 'warn',
      what: 'the cloud PDP answers 1,000 checks a minute and address, and no condition sets',
      mend: 'run a PDP container (docker-compose.yml has one) and set PERMIT_PDP_URL',
    };
  }
}

async function policyCheck(from: {
  apiKey: string;
  apiUrl: string;
  policy: PolicyInput | undefined;
  context: CommandContext;
}): Promise<Finding> {
  const { apiKey, apiUrl, policy, context } = from;
  const part = 'permit';
  if (!policy) {
    return {
      part,
      state: 'warn',
      what: 'nobody said which policy the environment has to have',
      mend: commandLine('doctor --policy FILE', context),
    };
  }
  try {
    const plan = await createPolicyEnvironment({ apiKey, apiUrl, clock: systemClock }).plan(policy);
    const lacking = plan.filter(({ verb }) => verb !== 'delete').length;
    if (lacking === 0) return { part, state: 'ok', what: 'the environment has the policy' };
    return {
      part,
      state: 'fail',
      what: `the environment lacks ${lacking} part(s) of the policy: they would be denied`,
      mend: commandLine(context.installed ? 'policy push --policy FILE' : 'policy push', context),
    };
  } catch (error) {
    return {
      part,
      state: 'fail',
      what: `the policy cannot be read: ${(error as Error).message}`,
      mend: 'try again',
    };
  }
}

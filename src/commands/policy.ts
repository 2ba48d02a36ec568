import { routeDocuments } from '../app/route-documents.ts';
import { openApiDocument, type PolicyInput, routeTable, systemClock } from '../index.ts';
import { createPolicyEnvironment, type PolicyEnvironment } from '../permit/policy-environment.ts';
import { describeStep, type PolicyStep } from '../permit/policy-plan.ts';
import { catalogueOf, policyHelp, requireCatalogue } from './catalogue.ts';
import { type Command, type CommandContext, UsageError } from './command.ts';
import { listApplication } from './list-application.ts';
import { reachServices } from './reach-services.ts';
import { readParameters } from './read-parameters.ts';

export const policyCommand: Command = {
  summary: 'the policy catalogue against a Permit environment',
  help: `Usage: logto-permit policy diff    [--policy FILE]
       logto-permit policy check   [--policy FILE]
       logto-permit policy push    [--policy FILE] [--deletes] [--yes]
       logto-permit policy openapi

diff      what differs, in both directions; exit 1 when something does
check     whether the environment has everything that the catalogue needs; exit 1 when it lacks something
push      makes the environment agree; takes something away only with --deletes, asks on a terminal unless --yes
openapi   the OpenAPI document of the application, with x-permit-resource and x-permit-action

${policyHelp}

Exit: 0 done or no difference, 1 differences or failed (also when push left something that the catalogue needs),
2 used wrongly.`,

  async run(parameters, context) {
    const { values, positionals } = readParameters(
      parameters,
      { policy: { type: 'string' }, deletes: { type: 'boolean' }, yes: { type: 'boolean' } },
      { positionals: true },
    );
    const [verb = '', ...rest] = positionals;
    if (rest.length > 0 || !['diff', 'check', 'push', 'openapi'].includes(verb)) {
      throw new UsageError(`policy takes one of diff, check, push, openapi, not "${positionals.join(' ')}"`);
    }
    if (verb === 'openapi') return showOpenApi(context);

    const catalogue = requireCatalogue(await catalogueOf(values.policy, context));
    const { config } = await reachServices(context, catalogue);
    if (verb === 'push' && config.mixed)
      throw new UsageError(
        'nothing is written to Permit while Logto is emulated beside it: set LOGTO_ENDPOINT, then push',
      );
    const { apiKey, apiUrl } = config.permit;
    const environment = createPolicyEnvironment({ apiKey, apiUrl, clock: systemClock });
    try {
      if (verb === 'push') {
        const deletes = values.deletes === true;
        return await push(environment, catalogue, { deletes, yes: values.yes === true }, context);
      }
      const plan = await environment.plan(catalogue);
      const wanted = verb === 'check' ? plan.filter(isLacking) : plan;
      show(wanted, context);
      if (wanted.length === 0)
        context.out(
          `${apiUrl} ${verb === 'check' ? 'has everything that' : 'agrees with'} the catalogue${verb === 'check' ? ' needs' : ''}.`,
        );
      return wanted.length === 0 ? 0 : 1;
    } catch (error) {
      context.err(`${apiUrl}: ${(error as Error).message}`);
      return 1;
    }
  },
};

const isLacking = ({ verb }: PolicyStep) => verb !== 'delete';

async function push(
  environment: PolicyEnvironment,
  catalogue: PolicyInput,
  { deletes, yes }: { deletes: boolean; yes: boolean },
  context: CommandContext,
): Promise<number> {
  const plan = await environment.plan(catalogue);
  if (plan.length === 0) {
    context.out('Nothing to do.');
    return 0;
  }
  if (context.isTerminal && !yes) {
    show(plan, context);
    if (!(await context.ask('Apply? [y/N] '))) return 1;
  }
  const { done, skipped } = await environment.push(catalogue, {
    deletes,
    onStep: (step) => context.out(`  ${describeStep(step)}`),
  });
  context.out(
    `${done.length} done${skipped.length > 0 ? `, ${skipped.length} left (they take something away: --deletes)` : ''}.`,
  );
  const lacking = skipped.filter(isLacking);
  for (const step of lacking) context.err(`  left ${describeStep(step)}`);
  return lacking.length === 0 ? 0 : 1;
}

function show(plan: readonly PolicyStep[], context: CommandContext): void {
  for (const step of plan) context.out(`  ${describeStep(step)}`);
}

function showOpenApi(context: CommandContext): number {
  const app = listApplication(context.version);
  const rows = routeTable(app);
  const document = openApiDocument(rows, {
    title: 'express-logto-permit: the reference application',
    version: context.version,
    baseUrl: 'http://localhost:3000',
    routes: routeDocuments(rows),
  });
  context.out(JSON.stringify(document, null, 2));
  return 0;
}

import { ConfigurationError, type PolicyInput } from '../index.ts';
import { catalogueOf, policyHelp } from './catalogue.ts';
import type { Command, CommandContext } from './command.ts';
import { databaseChecks } from './doctor-database.ts';
import { logtoChecks } from './doctor-logto.ts';
import { permitChecks } from './doctor-permit.ts';
import type { Finding } from './finding.ts';
import { type Reached, reachServices } from './reach-services.ts';
import { readParameters } from './read-parameters.ts';

export const doctorCommand: Command = {
  summary: 'tries every configured service',
  help: `Usage: logto-permit doctor [--json] [--policy FILE]

Tries what is configured, one thing after the other: the variables, the database, Logto's discovery, keys,
Management API and webhook, Permit's API, decision point and policy. Says what is wrong and how to mend it.
Changes nothing.

${policyHelp}

Exit: 0 all is well, 1 something is not, 2 used or configured wrongly.`,

  async run(parameters, context) {
    const { values } = readParameters(parameters, {
      json: { type: 'boolean' },
      policy: { type: 'string' },
    });
    const policy = await catalogueOf(values.policy, context);
    const show = (finding: Finding) => context.out(values.json ? JSON.stringify(finding) : lineOf(finding));
    const reached = await reach(context, policy, show);
    if (!reached) return 2;
    const findings: Finding[] = [];
    for (const checks of [databaseChecks, logtoChecks, permitChecks]) {
      for await (const finding of checks(reached, { policy, context })) {
        findings.push(finding);
        show(finding);
      }
    }
    const failed = findings.filter(({ state }) => state === 'fail').length;
    if (!values.json) context.out(failed === 0 ? 'All is well.' : `${failed} to mend.`);
    return failed === 0 ? 0 : 1;
  },
};

async function reach(
  context: CommandContext,
  policy: PolicyInput | undefined,
  show: (finding: Finding) => void,
): Promise<Reached | undefined> {
  try {
    const reached = await reachServices(context, policy);
    const { running } = reached;
    const beside = running
      ? `, beside the application ${running.pid}${running.url ? ` at ${running.url}` : ''}`
      : '';
    show({ part: 'configuration', state: 'ok', what: `every variable is usable${beside}` });
    return reached;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const problem of error.problems) {
      const [what = problem, mend] = problem.split(' Example: ');
      show({ part: 'configuration', state: 'fail', what, ...(mend ? { mend: `for example ${mend}` } : {}) });
    }
    return undefined;
  }
}

function lineOf({ part, state, what, mend }: Finding): string {
  const sign = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }[state];
  return `${sign}  ${part.padEnd(14)}${what}${mend ? `\n      → ${mend}` : ''}`;
}

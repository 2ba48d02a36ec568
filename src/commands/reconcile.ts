import { z } from 'zod';
import { catalogueOf, policyHelp, requireCatalogue } from './catalogue.ts';
import { type Command, type CommandContext, UsageError } from './command.ts';
import { reachServices, withOperations } from './reach-services.ts';
import { readParameters } from './read-parameters.ts';

const refusal = z.object({ subject: z.string(), why: z.string() });
const report = z.looseObject({
  total: z.number(),
  tookMs: z.number(),
  changes: z.record(z.string(), z.number()),
  foreign: z.object({ users: z.number(), roles: z.number() }),
  conflicts: z.array(z.array(z.string())),
  deletions: z.object({
    candidates: z.number(),
    limit: z.number(),
    confirmed: z.number(),
    waiting: z.number(),
  }),
  refused: z.array(refusal),
  handedOver: z
    .object({
      waiting: z.number(),
      paused: z.string().optional(),
      failed: z.number(),
      failures: z.array(refusal),
    })
    .optional(),
  diff: z.array(
    z.looseObject({
      do: z.string(),
      subject: z.string(),
      tenant: z.string().optional(),
      role: z.string().optional(),
      why: z.string().optional(),
    }),
  ),
});
type Report = z.output<typeof report>;

const SIGNS: Readonly<Record<string, string>> = {
  create: '+',
  assign: '+',
  tenant: '+',
  restore: '+',
  delete: '-',
  unassign: '-',
  leave: '-',
  suspend: '-',
};

export const reconcileCommand: Command = {
  summary: 'make Permit agree with Logto',
  help: `Usage: logto-permit reconcile [--dry-run] [--yes] [--max-deletes 10%] [--policy FILE]

Compares all of Logto with all of Permit and mends the difference. Assignments that a person or the application
gave in Permit are left alone.

  --dry-run           show the plan and change nothing; exit 1 when there is something to do
  --yes               do not ask before applying; without a terminal nobody is asked
  --max-deletes 10%   refuse a run that would delete more than this share of the known users; five are always
                      allowed. Takes a percentage or a fraction.
  ${policyHelp.replaceAll('\n', '\n  ')}
                      (an application that runs beside it on an embedded database has its own)

A person sees a plan and a progress bar; otherwise each line is JSON.
Exit: 0 done, 1 differences (dry run), refused or failed, all or some of it, 2 used or configured wrongly.`,

  async run(parameters, context) {
    const { values } = readParameters(parameters, {
      'dry-run': { type: 'boolean' },
      yes: { type: 'boolean' },
      'max-deletes': { type: 'string' },
      policy: { type: 'string' },
    });
    const maxDeletes = shareOf(values['max-deletes']);
    const dryRun = values['dry-run'] === true;
    const catalogue = await catalogueOf(values.policy, context);
    const reached = await reachServices(context, catalogue);
    // Roles that the policy lacks are nobody's: with the wrong one they would be taken away.
    if (!reached.running) requireCatalogue(catalogue);
    return withOperations(
      reached,
      async (operate) => {
        const run = async (dry: boolean) => {
          const input = { dryRun: dry, ...(maxDeletes === undefined ? {} : { maxDeletes }) };
          const found = report.parse(
            await operate('reconcile', input, (step) => showProgress(step, context)),
          );
          context.status('');
          return found;
        };
        try {
          if (dryRun) {
            const found = await run(true);
            show(found, context);
            return found.total === 0 ? 0 : 1;
          }
          if (context.isTerminal && values.yes !== true) {
            const plan = await run(true);
            show(plan, context);
            if (plan.total === 0) return 0;
            if (!(await context.ask('Apply? [y/N] '))) return 1;
          }
          const done = await run(false);
          show(done, context);
          return isWhole(done) ? 0 : 1;
        } catch (error) {
          return failed(error, context);
        }
      },
      { workers: !dryRun, policy: catalogue },
    );
  },
};

function shareOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent ? 100 : 1);
  if (digits === undefined || share > 1) {
    throw new UsageError(
      `--max-deletes takes a percentage such as 10%, or a fraction such as 0.1, not "${text}"`,
    );
  }
  return share;
}

function showProgress(step: unknown, context: CommandContext): void {
  if (!context.isTerminal) {
    context.out(JSON.stringify({ progress: step }));
    return;
  }
  const { phase = '', done = 0, total } = step as { phase?: string; done?: number; total?: number };
  const share = total ? Math.min(1, done / total) : undefined;
  const bar = share === undefined ? '' : `[${'#'.repeat(Math.round(share * 30)).padEnd(30, '.')}] `;
  context.status(`${bar}${phase} ${done}${total ? ` of ${total}` : ''}`);
}

/** Nothing was refused, and nobody's worker has still to see to something. */
function isWhole({ refused, handedOver }: Report): boolean {
  return refused.length === 0 && (handedOver?.failed ?? 0) === 0 && (handedOver?.waiting ?? 0) === 0;
}

function show(found: Report, context: CommandContext): void {
  if (!context.isTerminal) {
    context.out(JSON.stringify({ report: found }));
    return;
  }
  for (const change of found.diff) {
    const what = [
      change.role,
      change.tenant && `in ${change.tenant}`,
      change.why && `(${change.why})`,
    ].filter(Boolean);
    context.out(`  ${SIGNS[change.do] ?? '~'} ${change.do} ${change.subject} ${what.join(' ')}`.trimEnd());
  }
  for (const names of found.conflicts)
    context.out(`  ! roles ${names.join(' and ')} share a key: neither is mapped`);
  const { waiting, confirmed } = found.deletions;
  context.out(
    found.total === 0
      ? 'Nothing to do: Permit agrees with Logto.'
      : `${found.total} differences; ${confirmed} deletions done, ${waiting} to be confirmed in a minute.`,
  );
  const { users, roles } = found.foreign;
  if (users + roles > 0)
    context.out(`In Permit alone, left as they are: ${users} users, ${roles} assignments.`);
  showFailures(found, context);
}

function showFailures({ refused, handedOver }: Report, context: CommandContext): void {
  const { failures = [], failed = 0, waiting = 0, paused } = handedOver ?? {};
  for (const { subject, why } of [...refused, ...failures]) context.err(`  ! ${subject}: ${why}`);
  if (failed > failures.length) context.err(`  ! and ${failed - failures.length} more`);
  if (refused.length > 0) context.err('Permit refuses some of it as it is: it has to be mended at Logto.');
  if (failed > 0) context.err(`${failed} could not be worked now; the application tries them again.`);
  if (waiting === 0) return;
  const mend = paused === undefined ? 'no worker runs' : `the inbox is paused (${paused}): inbox resume`;
  context.err(`${waiting} are still to be worked: ${mend}.`);
}

function failed(error: unknown, context: CommandContext): number {
  const { name, message, report: refused } = error as Error & { report?: unknown };
  // Also from the running application, which tells names and words.
  if (name === 'ConfigurationError') {
    context.err(message);
    return 2;
  }
  const parsed = report.safeParse(refused);
  if (parsed.success) show(parsed.data, context);
  if (name === 'ReconcileBusy') context.err('Another reconcile is running; try again when it has ended.');
  else context.err(`Not done: ${message}`);
  return 1;
}

import { type Command, type CommandContext, UsageError } from './command.ts';
import { type Operate, reachServices, withOperations } from './reach-services.ts';
import { readParameters, wholeNumber } from './read-parameters.ts';

type Listed = {
  id: string;
  event: string;
  status: string;
  receivedAt: string;
  subjects: string[];
  attempts: number;
  reason: string | null;
};

export const inboxCommand: Command = {
  summary: 'deliveries and dead letters',
  help: `Usage: logto-permit inbox list   [--status STATUS] [--event NAME] [--subject KIND:ID] [--limit N] [--json]
       logto-permit inbox show   ID
       logto-permit inbox replay ID… | --all | [--status STATUS] [--event NAME] [--subject KIND:ID]
       logto-permit inbox drop   ID… | --all | [--status STATUS] [--event NAME] [--subject KIND:ID]
       logto-permit inbox resume
       logto-permit inbox forget USER_ID

STATUS is open, done, ignored, dead or dropped. Replay and drop mean the dead ones unless told otherwise.
resume goes on after a pause (a refused Permit key pauses the work of all instances).
forget removes what deliveries tell about a person.

Exit: 0 done, 1 no such delivery, 2 used wrongly.`,

  async run(parameters, context) {
    const { values, positionals } = readParameters(
      parameters,
      {
        status: { type: 'string' },
        event: { type: 'string' },
        subject: { type: 'string' },
        limit: { type: 'string' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
      },
      { positionals: true },
    );
    const [verb = 'list', ...ids] = positionals;
    const { status, event, subject } = values;
    const filter = { status, event, subject };
    const filtered = status !== undefined || event !== undefined || subject !== undefined;
    if (status !== undefined && !['open', 'done', 'ignored', 'dead', 'dropped'].includes(status)) {
      throw new UsageError(`--status "${status}" is none of open, done, ignored, dead, dropped`);
    }
    const act = ACTIONS[verb];
    if (!act) throw new UsageError(`inbox has no "${verb}": list, show, replay, drop, resume, forget`);
    if (['show', 'forget'].includes(verb) && ids.length !== 1)
      throw new UsageError(`inbox ${verb} takes one id`);
    if (['list', 'resume'].includes(verb) && ids.length > 0)
      throw new UsageError(`inbox ${verb} takes no id`);
    if (['replay', 'drop'].includes(verb) && ids.length === 0 && !filtered && values.all !== true) {
      throw new UsageError(`inbox ${verb} takes ids, a filter, or --all for every dead letter`);
    }
    const limit = wholeNumber('limit', values.limit, 1, 1_000);
    return withOperations(await reachServices(context), (operate) =>
      act({ operate, context, ids, filter, limit, json: values.json === true || !context.isTerminal }),
    );
  },
};

type Call = {
  operate: Operate;
  context: CommandContext;
  ids: string[];
  filter: object;
  limit: number | undefined;
  json: boolean;
};

const ACTIONS: Readonly<Record<string, (call: Call) => Promise<number>>> = {
  async list({ operate, context, filter, limit, json }) {
    const letters = (await operate('inbox-list', { ...filter, limit })) as Listed[];
    if (json) {
      for (const letter of letters) context.out(JSON.stringify(letter));
      return 0;
    }
    const stats = (await operate('inbox-stats')) as {
      backlog: number;
      dead: number;
      paused?: { reason: string };
    };
    for (const { id, receivedAt, status, event, subjects, attempts, reason } of letters) {
      context.out(
        `${id.padStart(6)}  ${String(receivedAt).slice(0, 19)}  ${status.padEnd(8)}${event}  ${subjects.join(' ')}  tries ${attempts}${reason ? `  ${reason}` : ''}`,
      );
    }
    context.out(
      `${stats.backlog} open, ${stats.dead} dead${stats.paused ? `, PAUSED: ${stats.paused.reason}` : ''}`,
    );
    return 0;
  },
  async show({ operate, context, ids }) {
    const letter = await operate('inbox-show', ids[0]);
    if (!letter) {
      context.err(`There is no delivery ${ids[0]}.`);
      return 1;
    }
    context.out(JSON.stringify(letter, null, 2));
    return 0;
  },
  replay: (call) => change(call, 'inbox-replay', 'opened again'),
  drop: (call) => change(call, 'inbox-drop', 'dropped'),
  async resume({ operate, context }) {
    await operate('inbox-resume');
    context.out('Going on.');
    return 0;
  },
  async forget({ operate, context, ids }) {
    context.out(`${await operate('inbox-forget', ids[0])} deliveries emptied.`);
    return 0;
  },
};

async function change(
  { operate, context, ids, filter }: Call,
  operation: string,
  done: string,
): Promise<number> {
  const count = (await operate(operation, ids.length > 0 ? { ids } : filter)) as number;
  context.out(`${count} ${done}.`);
  return count < ids.length ? 1 : 0;
}

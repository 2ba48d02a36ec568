import { z } from 'zod';
import type { Operation } from '../embedded/operator-socket.ts';
import type { PolicyInput } from '../permission/policy.ts';
import type { Gate } from './create-gate.ts';

const status = z.enum(['open', 'done', 'ignored', 'dead', 'dropped']);
const filter = z.strictObject({
  ids: z.array(z.string()).optional(),
  status: status.optional(),
  event: z.string().optional(),
  subject: z.string().optional(),
});
const listing = filter.extend({ limit: z.number().optional(), before: z.string().optional() });
const reconciling = z.strictObject({
  dryRun: z.boolean().optional(),
  maxDeletes: z.number().min(0).max(1).optional(),
});

/** Without the members that are absent: `exactOptionalPropertyTypes` tells them from `undefined`. */
type Dense<T> = { [K in keyof T]: Exclude<T[K], undefined> };
const dense = <T extends object>(value: T) => JSON.parse(JSON.stringify(value)) as Dense<T>;

/** What operators do, by name: the same in this process and over the socket of a running application. */
export function operationsOf(
  gate: Pick<Gate<PolicyInput>, 'inbox' | 'sync' | 'database'>,
): Readonly<Record<string, Operation>> {
  const { inbox, sync, database } = gate;
  return {
    ping: async () => {
      await database.query('select 1');
      return { database: database.kind };
    },
    'inbox-list': (input) => inbox.list(dense(listing.parse(input))),
    'inbox-stats': () => inbox.stats(),
    'inbox-show': (input) => inbox.show(z.string().parse(input)),
    'inbox-replay': (input) => inbox.replay(dense(filter.parse(input))),
    'inbox-drop': (input) => inbox.drop(dense(filter.parse(input))),
    'inbox-resume': () => inbox.resume(),
    'inbox-forget': (input) => inbox.forgetPersonalData(z.string().parse(input)),
    reconcile: async (input, tell) => {
      const report = await sync.reconcile({
        ...dense(reconciling.parse(input)),
        onProgress: async (step) => tell(step),
      });
      if (report.dryRun) return report;
      const handedOver = await sync.handedOver(report, { onProgress: async (step) => tell(step) });
      return { ...report, handedOver };
    },
  };
}

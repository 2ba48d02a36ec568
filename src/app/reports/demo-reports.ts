import type { Gate, PolicyInput } from '../../index.ts';
import type { ReportPayload } from './report-errands.ts';
import type { Report } from './report-schemas.ts';
import type { ReportStore } from './report-store.ts';

const MARK = 'demo-reports';

const demo = [
  {
    tenant: 'default',
    ownerId: 'alice0000000',
    title: 'Welcome',
    body: 'Everybody with a role in the default tenant reads this.',
  },
  {
    tenant: 'default',
    ownerId: 'bob000000000',
    title: 'Quarter in numbers',
    body: 'Bob made it, so Bob may delete it.',
  },
  {
    tenant: 'acme00000000',
    ownerId: 'alice0000000',
    title: 'Acme roadmap',
    body: 'For members of acme alone.',
  },
  {
    tenant: 'acme00000000',
    ownerId: 'bob000000000',
    title: 'Acme incident review',
    body: 'For members of acme alone.',
  },
  {
    tenant: 'globex000000',
    ownerId: 'erin00000000',
    title: 'Globex plans',
    body: 'Nobody from acme sees this.',
  },
] as const;

/** Some reports in each tenant, made once in the life of a database: what somebody deletes stays deleted. */
export async function plantDemoReports(
  gate: Pick<Gate<PolicyInput>, 'outbox' | 'database'>,
  store: ReportStore,
  defaultTenant: string,
): Promise<void> {
  const { rowCount } = await gate.database.query('select 1 from elp.app_mark where name = $1', [MARK]);
  if (rowCount > 0) return;
  for (const { title, body, ownerId, ...place } of demo) {
    const tenant = place.tenant === 'default' ? defaultTenant : place.tenant;
    await gate.outbox.perform<ReportPayload, Report>('report-created', {
      once: { principal: 'demo', key: `${tenant}/${title}`, request: title },
      prepare: async (tx) => {
        const report = await store.insert(tx, { title, body }, { ownerId, tenant });
        return { payload: { id: report.id, tenant, ownerId }, answer: report };
      },
    });
  }
  await gate.database.query('insert into elp.app_mark (name) values ($1) on conflict do nothing', [MARK]);
}

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock, Database, PermittedScope, Queryable } from '../../index.ts';
import { createCursor } from '../page-cursor.ts';
import type { Report, ReportChange, ReportInput } from './report-schemas.ts';

type Row = {
  id: string;
  tenant: string;
  owner_id: string;
  title: string;
  body: string;
  status: Report['status'];
  created_at: Date;
  updated_at: Date;
};

/** A look-up costs about 15 microseconds; beyond this, walking finds a page sooner. */
const MOST_LOOKED_UP = 5_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Postgres reads no year of more than four digits as JavaScript writes it. */
const LAST_MS = Date.UTC(9999, 11, 31);
const cursor = createCursor(z.strictObject({ at: z.int().min(0).max(LAST_MS), id: z.string().regex(UUID) }));

const reportOf = (row: Row): Report => ({
  id: row.id,
  title: row.title,
  body: row.body,
  status: row.status,
  ownerId: row.owner_id,
  tenant: row.tenant,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

export type ReportStore = ReturnType<typeof createReportStore>;

/** Reports in the database. What is not visible does not exist for anybody. */
export function createReportStore(options: { database: Database; clock: Clock }) {
  const { database, clock } = options;
  const now = () => new Date(clock.now());

  return {
    /** Not visible as yet. */
    async insert(
      tx: Queryable,
      input: ReportInput,
      owner: { ownerId: string; tenant: string },
    ): Promise<Report> {
      const { rows } = await tx.query<Row>(
        `insert into elp.report (id, tenant, owner_id, title, body, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6) returning *`,
        [randomUUID(), owner.tenant, owner.ownerId, input.title, input.body, now()],
      );
      return reportOf(rows[0] as Row);
    },

    async setVisible(tx: Queryable, id: string, visible: boolean): Promise<void> {
      await tx.query('update elp.report set visible = $2 where id = $1', [id, visible]);
    },

    async remove(tx: Queryable, id: string): Promise<void> {
      await tx.query('delete from elp.report where id = $1', [id]);
    },

    async find(id: string): Promise<Report | undefined> {
      if (!UUID.test(id)) return undefined;
      const { rows } = await database.query<Row>('select * from elp.report where id = $1 and visible', [id]);
      return rows[0] && reportOf(rows[0]);
    },

    /** `undefined` when the report has gone since its guard looked. */
    async change(id: string, change: ReportChange): Promise<Report | undefined> {
      const { rows } = await database.query<Row>(
        `update elp.report set title = coalesce($2, title), body = coalesce($3, body), updated_at = $4
         where id = $1 and visible returning *`,
        [id, change.title ?? null, change.body ?? null, now()],
      );
      return rows[0] && reportOf(rows[0]);
    },

    async publish(id: string): Promise<Report | undefined> {
      const { rows } = await database.query<Row>(
        `update elp.report set updated_at = case when status = 'published' then updated_at else $2 end, status = 'published'
         where id = $1 and visible returning *`,
        [id, now()],
      );
      return rows[0] && reportOf(rows[0]);
    },

    /** One page of what `scope` allows, newest first. Keyset: page 10,000 costs what page 1 does. */
    async page(
      tenant: string,
      scope: PermittedScope,
      query: { limit?: number | undefined; cursor?: string | undefined },
    ) {
      const { limit = 20 } = query;
      const after = cursor.read(query.cursor);
      if (scope.kind === 'none') return { items: [], nextCursor: null };
      const keys = scope.kind === 'keys' ? scope.keys.filter((key) => UUID.test(key)) : undefined;
      const parameters: unknown[] = [tenant, limit + 1];
      const add = (value: unknown) => `$${parameters.push(value)}`;
      const order = (of: string) => `order by ${of}.created_at desc, ${of}.id desc`;
      const beyond = (of: string) =>
        after
          ? `and (${of}.created_at, ${of}.id) < (${add(new Date(after.at))}, ${add(after.id)}::uuid)`
          : '';
      // Few keys are looked up first, each by the primary key: walking the tenant in order until enough of them
      // came by would read every report for a caller whose keys are few, or gone. Many come by soon.
      const { rows } = await database.query<Row>(
        keys && keys.length <= MOST_LOOKED_UP
          ? `with mine as materialized (
               select id, created_at from elp.report where id = any(${add(keys)}::uuid[]) and tenant = $1 and visible
             ), page as (select * from mine where true ${beyond('mine')} ${order('mine')} limit $2)
             select report.* from page join elp.report using (id) ${order('report')}`
          : `select * from elp.report where tenant = $1 and visible
             ${keys ? `and id = any(${add(keys)}::uuid[])` : ''} ${beyond('report')} ${order('report')} limit $2`,
        parameters,
      );
      const items = rows.slice(0, limit).map(reportOf);
      const last = rows.length > limit ? rows[limit - 1] : undefined;
      return {
        items,
        nextCursor: last ? cursor.write({ at: last.created_at.getTime(), id: last.id }) : null,
      };
    },
  };
}

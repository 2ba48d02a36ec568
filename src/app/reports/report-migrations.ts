import type { Migration } from '../../index.ts';

export const reportMigrations: Migration[] = [
  {
    id: 'report-001',
    sql: `
      create schema if not exists elp;
      create table elp.report (
        id uuid primary key,
        tenant text not null,
        owner_id text not null,
        title text not null,
        body text not null,
        status text not null default 'draft' check (status in ('draft', 'published')),
        -- False until Permit knows the owner, and again from the moment a deletion has begun.
        visible boolean not null default false,
        created_at timestamptz not null,
        updated_at timestamptz not null
      );
      create index report_page on elp.report (tenant, created_at desc, id desc) where visible;
      -- What happens once in the life of a database, such as the demo's first reports.
      create table elp.app_mark (name text primary key, marked_at timestamptz not null default now());
    `,
  },
];

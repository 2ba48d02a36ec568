import type { Migration } from '../database/database.ts';

/** The tables of the sync room. */
export const syncMigrations: Migration[] = [
  {
    id: 'sync-001',
    sql: `
      create schema if not exists elp;

      -- One row for each user, machine and organization that we ever knew; a deleted one stays as its tombstone.
      create table elp.sync_subject (
        id text primary key,
        -- The same subject at the directory; none for an organization.
        user_key text generated always as (
          case when id like 'user:%' then substr(id, 6) when id like 'machine:%' then 'm2m|' || substr(id, 9) end
        ) stored,
        state text not null default 'active' check (state in ('active', 'suspended', 'deleted')),
        announced text not null default 'active',
        announced_at timestamptz,
        default_decided boolean not null default false,
        settled boolean not null default false,
        snapshot jsonb,
        mark_ms bigint not null default 0,
        profile_mark_ms bigint not null default 0,
        fence bigint not null default 0,
        version bigint not null default 1,
        missing_since timestamptz,
        created_at timestamptz not null,
        changed_at timestamptz not null
      );
      create index sync_subject_user_key on elp.sync_subject (user_key);
      create index sync_subject_missing on elp.sync_subject (missing_since) where missing_since is not null;

      -- Which assignments are there because of whom; Permit itself keeps no such mark.
      create table elp.managed_grant (
        user_key text not null,
        tenant text not null,
        role text not null,
        source text not null check (source in ('logto', 'default', 'app')),
        found boolean not null default false,
        done boolean not null default false,
        primary key (user_key, tenant, role, source)
      );
      create index managed_grant_tenant on elp.managed_grant (tenant);

      create table elp.sync_membership (
        user_key text not null,
        tenant text not null,
        member boolean not null,
        mark_ms bigint not null default 0,
        settled boolean not null default true,
        primary key (user_key, tenant)
      );
      create index sync_membership_tenant on elp.sync_membership (tenant);

      create table elp.reconcile_run (
        id bigint generated always as identity primary key,
        started_at timestamptz not null,
        finished_at timestamptz,
        dry_run boolean not null,
        outcome text,
        report jsonb
      );
      create table elp.reconcile_lease (
        id boolean primary key default true check (id),
        holder text not null,
        until timestamptz not null
      );
    `,
  },
  {
    id: 'sync-002',
    // How often something was taken away from outside of the subject's worker.
    sql: 'alter table elp.sync_subject add column removals bigint not null default 0',
  },
];

import { ApiError, found, requireAbsent } from './api-error.ts';
import { addBuiltIns } from './built-in.ts';
import { createEnvironment, type Environment, type Settings } from './environment.ts';
import { fixedId, type Ids } from './identity.ts';
import type { Journal } from './journal.ts';
import type { EnvironmentRow, KeyRow, ProjectRow } from './organization-rows.ts';
import { createTable } from './table.ts';

export type OrganizationOptions = {
  journal: Journal;
  ids: Ids;
  stamp: () => string;
  propagationDelayMs: number;
  settings: Settings;
};

export type EnvironmentInput = {
  key: string;
  name: string;
  description?: string | null | undefined;
  custom_branch_name?: string | null | undefined;
  jwks?: unknown;
  settings?: unknown;
};

export type ProjectInput = {
  id?: string;
  key: string;
  name: string;
  urn_namespace?: string | null | undefined;
  description?: string | null | undefined;
  settings?: unknown;
  active_policy_repo_id?: string | null | undefined;
};

export type Organization = ReturnType<typeof createOrganization>;

/** The one organization of the emulator: projects, environments, API keys. */
export function createOrganization(options: OrganizationOptions) {
  const { journal, ids, stamp } = options;
  const id = fixedId('organization');
  const projects = createTable<ProjectRow>(journal, 'projects');
  const environments = createTable<EnvironmentRow>(journal, 'environments', {
    project: (row) => row.project,
  });
  const keys = createTable<KeyRow>(journal, 'keys', {}, {});
  const live = new Map<string, Environment>();
  const created_at = stamp();

  function open(row: EnvironmentRow): Environment {
    const environment = createEnvironment({
      ...options,
      id: row.id,
      organizationId: id,
      projectId: found(projects.get(row.project), 'Project', row.project).id,
    });
    live.set(row.id, environment);
    return environment;
  }

  function environmentRow(project: ProjectRow, keyOrId: string): EnvironmentRow {
    const row = environments.get(`${project.key} ${keyOrId}`) ?? environments.find(keyOrId);
    return found(row?.project === project.key ? row : undefined, 'Environment', keyOrId);
  }

  const newSecret = (): string => `permit_key_${ids.next()}${ids.next()}`;

  const organization = {
    row: { id, key: 'emulator', name: 'Permit emulator', created_at },
    projects,
    environments,
    keys,
    environmentRow,
    project: (keyOrId: string): ProjectRow => found(projects.find(keyOrId), 'Project', keyOrId),
    environment: (row: { id: string }): Environment => found(live.get(row.id), 'Environment', row.id),
    live: (): IterableIterator<Environment> => live.values(),

    stamp,
    batch: journal.batch,

    createProject(input: ProjectInput, initial: readonly EnvironmentInput[]): ProjectRow {
      return journal.batch(() => {
        const now = stamp();
        const project = projects.put({
          id: input.id ?? ids.next(),
          key: input.key,
          urn_namespace: input.urn_namespace ?? null,
          name: input.name,
          description: input.description ?? null,
          settings: input.settings ?? null,
          active_policy_repo_id: input.active_policy_repo_id ?? null,
          created_at: now,
          updated_at: now,
        });
        for (const environment of initial) organization.createEnvironment(project, environment);
        return project;
      });
    },

    createEnvironment(project: ProjectRow, input: EnvironmentInput, fixed?: { id: string; secret: string }) {
      requireAbsent(environments.get(`${project.key} ${input.key}`), 'Environment', input.key);
      return journal.batch(() => {
        const now = stamp();
        const row = environments.put({
          id: fixed?.id ?? ids.next(),
          key: `${project.key} ${input.key}`,
          slug: input.key,
          project: project.key,
          name: input.name,
          description: input.description ?? null,
          custom_branch_name: input.custom_branch_name ?? null,
          jwks: input.jwks ?? null,
          settings: input.settings ?? null,
          created_at: now,
          updated_at: now,
        });
        addBuiltIns(open(row));
        organization.createKey('env', {
          secret: fixed?.secret,
          project: project.id,
          environment: row.id,
          owner: 'pdp_config',
        });
        return row;
      });
    },

    deleteEnvironment(row: EnvironmentRow): void {
      journal.batch(() => {
        const environment = organization.environment(row);
        environment.clear();
        environment.replica.close();
        live.delete(row.id);
        for (const key of [...keys.values()]) if (key.environment === row.id) keys.delete(key.key);
        environments.delete(row.key);
      });
    },

    deleteProject(project: ProjectRow): void {
      journal.batch(() => {
        for (const row of [...environments.by('project', project.key)]) organization.deleteEnvironment(row);
        for (const key of [...keys.values()]) if (key.project === project.id) keys.delete(key.key);
        projects.delete(project.key);
      });
    },

    createKey(
      level: KeyRow['level'],
      input: {
        secret?: string | undefined;
        project?: string;
        environment?: string;
        name?: string | null;
        access?: KeyRow['access'];
        owner?: NonNullable<KeyRow['owner']>;
      },
    ): KeyRow {
      const row: KeyRow = {
        id: ids.next(),
        key: input.secret ?? newSecret(),
        level,
        access: input.access ?? 'admin',
        owner: input.owner ?? 'member',
        project: input.project ?? null,
        environment: input.environment ?? null,
        name: input.name ?? null,
        created_at: stamp(),
      };
      return keys.put(row);
    },

    /** The same key with another secret; the old one is dead at once. */
    rotateKey(row: KeyRow): KeyRow {
      return journal.batch(() => {
        keys.delete(row.key);
        return keys.put({ ...row, key: newSecret() });
      });
    },

    /** @throws {ApiError} `UNAUTHORIZED`. */
    authenticate(secret: string | undefined): KeyRow {
      const row = secret === undefined ? undefined : keys.get(secret);
      if (!row) throw new ApiError('UNAUTHORIZED', 'no such API key');
      return row;
    },

    /** Reads back what the journal has; `false` when there is nothing yet. */
    restore(): boolean {
      projects.restore();
      environments.restore();
      keys.restore();
      for (const row of environments.values()) open(row);
      return projects.size() > 0;
    },

    clear(): void {
      for (const environment of live.values()) environment.replica.close();
      live.clear();
      projects.clear();
      environments.clear();
      keys.clear();
      journal.clear();
    },
  };
  return organization;
}

import { type RouteRow, routeTable } from '../index.ts';
import type { Command } from './command.ts';
import { listApplication } from './list-application.ts';
import { readParameters } from './read-parameters.ts';

export const routesCommand: Command = {
  summary: 'every route with its guard',
  help: `Usage: logto-permit routes [--json]

Every route of the reference application: method, path, how the caller becomes known, the permission that is asked,
or why the route is public.

Exit: 0 every route is guarded, 1 one is not, 2 used wrongly.`,

  async run(parameters, context) {
    const { values } = readParameters(parameters, { json: { type: 'boolean' } });
    const rows = routeTable(listApplication(context.version));
    if (values.json) {
      const shown = rows.map(({ method, path, authentication, permission, reason, guarded }) => ({
        method,
        path,
        authentication: authentication || null,
        permission: permission ?? null,
        reason: reason ?? null,
        guarded,
      }));
      context.out(JSON.stringify(shown, null, 2));
    } else {
      for (const line of linesOf(rows)) context.out(line);
    }
    const open = rows.filter(({ guarded }) => !guarded);
    for (const { method, path } of open) context.err(`${method} ${path} has no guard`);
    return open.length === 0 ? 0 : 1;
  },
};

function linesOf(rows: readonly RouteRow[]): string[] {
  const cells = rows.map((row) => [
    row.method,
    row.path,
    row.authentication || '-',
    row.permission ?? (row.guarded ? (row.reason ?? 'refuses') : 'NO GUARD'),
  ]);
  const table = [['METHOD', 'PATH', 'AUTHENTICATION', 'PERMISSION, OR WHY NONE'], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The emulator's own page: what it holds and what it last decided, refreshed every second. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Permit emulator</title>
<style>
  :root { color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; }
  body { margin: 1.5rem auto; max-width: 78rem; padding: 0 1rem; }
  header { display: flex; align-items: baseline; gap: 1rem; flex-wrap: wrap; }
  h1 { font-size: 1.3rem; margin: 0; }
  h2 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
  small, .muted { color: gray; }
  select { font: inherit; }
  .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 0 2rem; }
  section { min-width: 0; overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #8884; padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top; }
  th { color: gray; font-weight: 500; }
  th { white-space: nowrap; }
  /* Long keys break where they must, short words never letter by letter. */
  td { min-width: 4.5rem; overflow-wrap: anywhere; }
  td:last-child { min-width: 12rem; }
  #decisions td:nth-child(3) { min-width: 9rem; }
  td.muted { min-width: 0; }
  td div { margin-bottom: .1rem; }
  .yes { color: #1a7f37; font-weight: 600; }
  .no { color: #cf222e; font-weight: 600; }
</style>
<header>
  <h1>Permit emulator</h1>
  <label>environment <select id="environment"></select></label>
  <small id="status">loading …</small>
</header>
<section><h2>Last decisions</h2><table id="decisions"></table></section>
<section><h2>Users</h2><table id="users"></table></section>
<section><h2>Roles</h2><table id="roles"></table></section>
<section><h2>Resources</h2><table id="resources"></table></section>
<div class="pair">
  <section><h2>Tenants</h2><table id="tenants"></table></section>
  <section><h2>Resource instances</h2><table id="instances"></table></section>
  <section><h2>Relationship tuples</h2><table id="tuples"></table></section>
</div>
<script type="module">
  const select = document.getElementById('environment');

  function cell(value) {
    const td = document.createElement('td');
    if (typeof value === 'boolean') {
      td.textContent = value ? 'allow' : 'deny';
      td.className = value ? 'yes' : 'no';
    } else td.textContent = Array.isArray(value) ? value.join(', ') : (value ?? '');
    return td;
  }

  /** One to a line, and the first five of many. */
  function listCell(items) {
    const td = document.createElement('td');
    const lines = items.slice(0, 5);
    if (items.length > lines.length) lines.push('and ' + (items.length - lines.length) + ' more');
    td.append(...lines.map((textContent) => Object.assign(document.createElement('div'), { textContent })));
    if (items.length > 5) td.lastChild.className = 'muted';
    return td;
  }

  function fill(id, columns, rows, count) {
    const table = document.getElementById(id);
    const head = document.createElement('tr');
    for (const column of columns) head.append(Object.assign(document.createElement('th'), { textContent: column }));
    const lines = rows.slice(0, 50).map((row) => {
      const tr = document.createElement('tr');
      tr.append(...row.map((value) => (value?.lines ? listCell(value.lines) : cell(value))));
      return tr;
    });
    const more = (count ?? rows.length) - lines.length;
    if (rows.length === 0 || more > 0) {
      const tr = document.createElement('tr');
      const td = cell(rows.length === 0 ? 'none' : 'and ' + more + ' more');
      td.className = 'muted';
      td.colSpan = columns.length;
      tr.append(td);
      lines.push(tr);
    }
    table.replaceChildren(head, ...lines);
  }

  function show(state) {
    const chosen = select.value;
    select.replaceChildren(...state.environments.map((row) => new Option(row.project + ' / ' + row.slug, row.id)));
    if (state.environments.some((row) => row.id === chosen)) select.value = chosen;
    const env = state.environments.find((row) => row.id === select.value);
    if (!env) return;
    const held = Map.groupBy(env.assignments.rows, (row) => row.user);
    const where = (row) => row.role + ' in ' + row.tenant + (row.instance ? ' on ' + row.instance : '');
    fill('decisions', ['when', 'decision', 'user', 'action', 'resource', 'tenant', 'by', 'why'],
      state.decisions.map((d) =>
        [d.at.slice(11, 19), d.allow, d.user, d.action, d.resource, d.tenant, d.sources, d.reason]));
    fill('users', ['user', 'e-mail', 'roles'],
      env.users.rows.map((row) => [row.key, row.email, { lines: (held.get(row.key) ?? []).map(where) }]), env.users.count);
    fill('roles', ['role', 'extends', 'permissions'],
      env.roles.rows.map((row) => [row.key, row.extends, row.permissions]), env.roles.count);
    fill('tenants', ['tenant', 'name'], env.tenants.rows.map((row) => [row.key, row.name]), env.tenants.count);
    fill('resources', ['resource', 'roles', 'actions'],
      env.resources.rows.filter((row) => !row.built_in).map((row) =>
        [row.key, row.roles.map((r) => r.key), row.actions.map((a) => a.key)]));
    fill('instances', ['instance', 'tenant'],
      env.instances.rows.map((row) => [row.key, row.tenant]), env.instances.count);
    fill('tuples', ['subject', 'relation', 'object'],
      env.tuples.rows.map((row) => [row.subject, row.relation, row.object]), env.tuples.count);
    document.getElementById('status').textContent =
      state.now.slice(11, 19) + (env.pending > 0 ? ' · ' + env.pending + ' changes on their way' : '');
  }

  async function refresh() {
    try {
      show(await (await fetch('/_emulator/state')).json());
    } catch {
      document.getElementById('status').textContent = 'not reachable';
    }
  }
  select.addEventListener('change', refresh);
  await refresh();
  setInterval(refresh, 1000);
</script>
</html>
`;

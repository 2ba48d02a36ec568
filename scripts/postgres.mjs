// postgres.mjs create|drop <admin url> <database>: a database for one run of the checks. Exit 1 when no server answers.
import pg from 'pg';

const [, , verb, url, name] = process.argv;
const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
try {
  await client.connect();
  const quoted = pg.escapeIdentifier(name);
  await client.query(
    verb === 'create' ? `create database ${quoted}` : `drop database if exists ${quoted} with (force)`,
  );
} catch (error) {
  console.error(`postgres: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.end().catch(() => undefined);
}

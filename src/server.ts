/** `npm start`: the reference application as a process. */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { onEndSignal } from './commands/on-end-signal.ts';
import type { Application } from './commands/serve.ts';
import { ConfigurationError } from './errors.ts';

const help = `Usage: npm start [-- --help]

Starts the reference application, and in the same process whatever it is not told the address of: a database, a
Logto (3001), a Permit.io (7766). Everything is set by variables, of the process or of a file .env; .env.example
lists them all. Everything embedded is kept in DATA_DIR; deleting that folder is the reset.

Exit: 0 ended by a signal, 1 could not start or close, 2 used or configured wrongly.`;

/** Longer than any single part of the shutdown takes. */
const LAST_CHANCE_MS = 20_000;

async function main(): Promise<void> {
  const whenReady = closeOnSignal();
  // Reading some hundred modules takes longer than anything they do; a folder that cannot be written is no matter.
  enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compile'));
  const [{ pino }, { readConfig }, { readEnvironment }, { serve }] = await Promise.all([
    import('pino'),
    import('./app/config.ts'),
    import('./commands/read-environment.ts'),
    import('./commands/serve.ts'),
  ]);
  const config = readConfig(readEnvironment(process.env));
  const log = pino({ level: config.logLevel });
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const application = await serve({ config, version: versionOf(), log, say });
  say(application.banner);
  whenReady(application);
}

function versionOf(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * @returns what is to be called once there is something to close; before that a signal ends the process at once,
 *   which a start survives at any point.
 */
function closeOnSignal(): (application: Application) => void {
  let application: Application | undefined;
  onEndSignal({
    first(signal) {
      if (!application) process.exit(0);
      process.stdout.write(`\n${signal}: answering what is under way, then closing\n`);
      setTimeout(() => process.exit(1), LAST_CHANCE_MS).unref();
      application.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    },
    again: () => process.exit(1),
  });
  return (ready) => {
    application = ready;
  };
}

async function fail(error: unknown): Promise<void> {
  const wrong = error instanceof ConfigurationError;
  const { explainedFailure } = await import('./commands/explain-failure.ts');
  const text = wrong ? error.message : (explainedFailure(error) ?? (error as Error).stack ?? String(error));
  process.stderr.write(`${text}\n`);
  process.exit(wrong ? 2 : 1);
}

// Whatever is written here is its owner's alone: keys, secrets, a database.
process.umask(0o077);
const parameters = process.argv.slice(2);
if (parameters.some((parameter) => parameter === '--help' || parameter === '-h')) {
  process.stdout.write(`${help}\n`);
} else if (parameters.length > 0) {
  process.stderr.write(`It takes no parameters, and was given ${parameters.join(' ')}.\n\n${help}\n`);
  process.exitCode = 2;
} else {
  main().catch(fail);
}

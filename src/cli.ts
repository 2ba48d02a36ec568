#!/usr/bin/env node
/** `logto-permit`: what operators do. */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join, sep } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { boundMemory } from './bounded-memory.ts';
import { type Command, type CommandContext, UsageError } from './commands/command.ts';
import { onEndSignal } from './commands/on-end-signal.ts';
import { ConfigurationError } from './errors.ts';

/** Loaded when called: a help text need not wait for a database engine. */
const commands: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  doctor: {
    summary: 'tries every configured service and says how to mend what is wrong',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
  reconcile: {
    summary: 'makes Permit agree with Logto',
    load: async () => (await import('./commands/reconcile.ts')).reconcileCommand,
  },
  inbox: {
    summary: 'deliveries and dead letters: list, show, replay, drop',
    load: async () => (await import('./commands/inbox.ts')).inboxCommand,
  },
  policy: {
    summary: 'the policy catalogue against a Permit environment: diff, push, check, openapi',
    load: async () => (await import('./commands/policy.ts')).policyCommand,
  },
  routes: {
    summary: 'every route with its guard',
    load: async () => (await import('./commands/routes.ts')).routesCommand,
  },
  emulators: {
    summary: 'both emulators alone, for another application',
    load: async () => (await import('./commands/emulators.ts')).emulatorsCommand,
  },
};

const usage = [
  'Usage: logto-permit COMMAND [options]',
  '',
  ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`),
  '',
  'logto-permit COMMAND --help tells more. Exit: 0 done, 1 something was found, 2 used or configured wrongly.',
].join('\n');

const LAST_CHANCE_MS = 2_000;

async function main(): Promise<number> {
  const [name = '', ...parameters] = process.argv.slice(2);
  const context = contextOfProcess();
  if (['', '-h', '--help', 'help'].includes(name)) {
    context[name === '' ? 'err' : 'out'](usage);
    return name === '' ? 2 : 0;
  }
  const found = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!found) throw new UsageError(`there is no command "${name}"`);
  boundMemory();
  enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compile'));
  const command = await found.load();
  if (parameters.some((parameter) => parameter === '--help' || parameter === '-h')) {
    context.out(command.help);
    return 0;
  }
  return command.run(parameters, context);
}

function contextOfProcess(): CommandContext {
  const { stdin, stdout, stderr } = process;
  // A reader that has seen enough (`| head`) does not end what the command is in the middle of.
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const ending = new AbortController();
  onEndSignal({
    first() {
      ending.abort();
      // For a command that is in the middle of something.
      setTimeout(() => process.exit(130), LAST_CHANCE_MS).unref();
    },
    again: () => process.exit(130),
  });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    env: process.env,
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    isTerminal: stdout.isTTY === true && stdin.isTTY === true,
    status: (text) => void (stderr.isTTY && stderr.write(`\r\u001b[2K${text}`)),
    async ask(question) {
      const reader = createInterface({ input: stdin, output: stderr });
      // An input that ends without an answer has said no.
      const ended = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
      const answer = await Promise.race([reader.question(question), ended]);
      reader.close();
      return /^y(es)?$/i.test(answer.trim());
    },
    version,
    // A linked package runs from its own folder; the name that it was called by tells.
    installed: [process.argv[1] ?? '', import.meta.filename].some((path) =>
      path.split(sep).includes('node_modules'),
    ),
    signal: ending.signal,
  };
}

// As for the application: what the emulators keep holds keys.
process.umask(0o077);
main().then(
  (code) => {
    process.exitCode = code;
  },
  async (error: unknown) => {
    const { name, message } = error as Error;
    const { explainedFailure } = await import('./commands/explain-failure.ts');
    if (error instanceof UsageError) process.stderr.write(`${message}\n\n${usage}\n`);
    else if (error instanceof ConfigurationError) process.stderr.write(`${message}\n`);
    else process.stderr.write(`${explainedFailure(error) ?? `${name}: ${message}`}\n`);
    process.exitCode = error instanceof UsageError || error instanceof ConfigurationError ? 2 : 1;
  },
);

import type { Environment } from '../app/config-fields.ts';

/** What a command reads and writes; a test gives its own. */
export type CommandContext = {
  env: Environment;
  /** One line to the standard output. */
  out(line: string): void;
  /** One line to the standard error. */
  err(line: string): void;
  /** A person is watching: progress bars and questions instead of JSON lines. */
  isTerminal: boolean;
  /** Overwrites the present line of a terminal. */
  status(text: string): void;
  ask(question: string): Promise<boolean>;
  version: string;
  /** Called as a dependency of another application: the reference application's policy is not the one that is meant. */
  installed: boolean;
  /** Aborted when the process is told to end. */
  signal: AbortSignal;
};

export type Command = {
  summary: string;
  help: string;
  /**
   * @returns the exit code: 0 done, 1 something was found, 2 used wrongly.
   * @throws UsageError, ConfigurationError: exit 2.
   */
  run(parameters: readonly string[], context: CommandContext): Promise<number>;
};

/** The command was called in a way that it does not know. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

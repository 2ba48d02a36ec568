import type { Command, CommandContext } from '../../src/commands/command.ts';

/** Runs a command as a script would, and tells its exit code and what it wrote. */
export async function runCommand(
  command: Command,
  parameters: string[],
  more: Partial<CommandContext> & Pick<CommandContext, 'env'>,
) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await command.run(parameters, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    isTerminal: false,
    status: () => undefined,
    ask: async () => false,
    version: '0.0.0',
    installed: false,
    signal: new AbortController().signal,
    ...more,
  });
  return { code, out: out.join('\n'), err: err.join('\n'), lines: out };
}

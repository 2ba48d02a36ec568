import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { UsageError } from './command.ts';

/**
 * Reads a command's parameters.
 *
 * @throws UsageError for an option that the command does not have, or one without its value.
 */
export function readParameters<Options extends ParseArgsOptionsConfig>(
  parameters: readonly string[],
  options: Options,
  { positionals = false } = {},
) {
  try {
    return parseArgs({ args: [...parameters], options, allowPositionals: positionals, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError unless `text` is a whole number from `min` to `max`. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not "${text}"`);
}

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { policy as referencePolicy } from '../app/policy.ts';
import { definePolicy, type PolicyInput } from '../index.ts';
import { type CommandContext, UsageError } from './command.ts';

/** For the help texts of whoever takes it. */
export const policyHelp = `--policy FILE       the policy catalogue of your application: a module with the export "policy". Without it the
                    reference application's, which is nobody else's: installed as a package it has to be named`;

/**
 * The policy that a command is about: the file's, or the reference application's in its own repository. Installed in
 * somebody else's application that would be the wrong one, and with it every role that it lacks would be taken away:
 * there it is `undefined`.
 *
 * @throws UsageError when the file cannot be read or exports no policy; ConfigurationError when it is none.
 */
export async function catalogueOf(
  file: string | undefined,
  { installed }: Pick<CommandContext, 'installed'>,
): Promise<PolicyInput | undefined> {
  if (file === undefined) return installed ? undefined : referencePolicy;
  let module: { policy?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as typeof module;
  } catch (error) {
    throw new UsageError(`--policy ${file} cannot be read: ${(error as Error).message}`);
  }
  if (module.policy === undefined) throw new UsageError(`--policy ${file} has no export "policy"`);
  return definePolicy(module.policy as PolicyInput);
}

/** @throws UsageError for a command that cannot go without. */
export function requireCatalogue(catalogue: PolicyInput | undefined): PolicyInput {
  if (catalogue) return catalogue;
  throw new UsageError(
    'say which policy your application has: --policy FILE, a module with the export "policy". Example: --policy dist/policy.js',
  );
}

/** How one calls a command from where this one was called. */
export function commandLine(parameters: string, { installed }: Pick<CommandContext, 'installed'>): string {
  const [name = '', ...rest] = parameters.split(' ');
  if (installed) return `npx logto-permit ${parameters}`;
  return `npm run ${name}${rest.length > 0 ? ` -- ${rest.join(' ')}` : ''}`;
}

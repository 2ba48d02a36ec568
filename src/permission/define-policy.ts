import { ConfigurationError } from '../errors.ts';
import type { PolicyInput } from './policy.ts';
import { policyProblems } from './policy-problems.ts';

/** Resource keys of a policy; plain `string` for a policy whose literal type is not known. */
export type ResourceOf<P extends PolicyInput> = keyof P['resources'] & string;

/** Actions that a policy declares on a resource. */
export type ActionOf<P extends PolicyInput, R extends ResourceOf<P>> = P['resources'][R]['actions'][number];

/** `resource:action` for everything that a policy declares. */
export type PermissionOf<P extends PolicyInput> =
  string extends ResourceOf<P> ? string : { [R in ResourceOf<P>]: `${R}:${ActionOf<P, R>}` }[ResourceOf<P>];

/** What the compiler checks beyond the shape: roles grant, and instance roles hold, declared actions only. */
type Consistent<P extends PolicyInput> = {
  resources: { [R in ResourceOf<P>]: { roles?: Record<string, readonly ActionOf<P, R>[]> | undefined } };
  roles: Record<string, readonly PermissionOf<P>[]>;
};

/**
 * The one list of resources, actions, roles, relations and condition sets of an application. It types the
 * guards (a misspelt action does not compile), seeds the emulator and is what `logto-permit policy` pushes.
 *
 * Returns the same data, deeply frozen; nothing else is in it, so that it can be written down as JSON.
 *
 * @throws ConfigurationError naming every mistake: an odd key, a role that grants an unknown action, a
 * derivation over an unknown relation …
 * @see https://docs.permit.io/concepts/policy-basics/
 *
 * @example
 * const policy = definePolicy({
 *   resources: { reports: { actions: ['view', 'edit'], roles: { owner: ['view', 'edit'] } } },
 *   roles: { viewer: ['reports:view'] },
 * });
 */
export function definePolicy<const P extends PolicyInput>(input: P & Consistent<P>): P {
  const problems = policyProblems(input);
  if (problems.length > 0) throw new ConfigurationError(problems.map((problem) => `policy: ${problem}`));
  return deepFreeze(structuredClone(input) as P);
}

/** The tenant roles of a policy, the ones that Logto's roles may map to. */
export function roleKeysOf(policy: PolicyInput): string[] {
  return Object.keys(policy.roles);
}

/** Every `resource:action` of a policy, in the order of the catalogue. */
export function permissionsOfPolicy(policy: PolicyInput): string[] {
  return Object.entries(policy.resources).flatMap(([resource, { actions }]) =>
    actions.map((action) => `${resource}:${action}`),
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}

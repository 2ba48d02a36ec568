import { ConfigurationError } from '../errors.ts';
import { roleKeysOf } from '../permission/define-policy.ts';
import type { PolicyInput } from '../permission/policy.ts';
import type { GateOptions } from './gate-options.ts';

/** Given at registration where nothing else is said. */
const DEFAULT_ROLE = 'viewer';

export type UsableOptions<P extends PolicyInput> = GateOptions<P> & { permit: { defaultRole: string } };

/**
 * The options as the rest of the gate takes them: addresses without the slash at the end that consoles copy with
 * them, and a default role that the policy has. (With another one Permit would refuse every registration, and the
 * first to notice would be the people who registered.)
 *
 * @throws ConfigurationError
 */
export function usableOptions<P extends PolicyInput>(options: GateOptions<P>): UsableOptions<P> {
  const { logto, permit, policy } = options;
  const defaultRole = permit.defaultRole ?? DEFAULT_ROLE;
  const roles = roleKeysOf(policy);
  if (permit.readOnly !== true && !roles.includes(defaultRole)) {
    throw new ConfigurationError([
      `permit.defaultRole "${defaultRole}" is no role of the policy (${roles.join(', ') || 'it has none'}): whoever registers could be given none. Example: defaultRole: '${roles[0] ?? DEFAULT_ROLE}'`,
    ]);
  }
  return {
    ...options,
    logto: {
      ...logto,
      endpoint: withoutSlash(logto.endpoint),
      internalEndpoint: logto.internalEndpoint && withoutSlash(logto.internalEndpoint),
    },
    permit: { ...permit, defaultRole },
  };
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, '');
}

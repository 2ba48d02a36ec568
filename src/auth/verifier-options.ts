import { ConfigurationError } from '../errors.ts';
import { isTrustedUrl } from './trusted-url.ts';
import type { VerifierOptions } from './verifier.ts';

/** What Logto signs with. Symmetric algorithms and `none` have no place in this list. */
export const SUPPORTED_ALGORITHMS: readonly string[] = ['ES384', 'ES256', 'ES512', 'RS256'];

/** A token for Logto's own Management API must never open ours. */
const MANAGEMENT_API = /^https:\/\/[^/]+\.logto\.app\/api\/?$/i;

/** What is wrong with an API resource indicator of ours, if anything is. */
export function audienceProblem(audience: string): string | undefined {
  if (audience.trim() === '') return 'is empty';
  return MANAGEMENT_API.test(audience)
    ? "is Logto's own Management API, not an API resource of yours"
    : undefined;
}

/**
 * Checks the options of a verifier when it is made, not when the first request comes.
 *
 * @throws {ConfigurationError} with every mistake.
 */
export function requireUsableOptions(options: VerifierOptions): void {
  const { issuers, audiences, algorithms = SUPPORTED_ALGORITHMS, jwksUri, insecureHosts = [] } = options;
  const problems = [
    issuers.length === 0 && 'issuers: at least one is needed',
    ...issuers.map((issuer) => !isTrustedUrl(issuer, insecureHosts) && `issuers: ${issuer} is not https`),
    audiences.length === 0 && 'audiences: at least one API resource indicator is needed',
    ...audiences.map((audience) => {
      const problem = audienceProblem(audience);
      return problem !== undefined && `audiences: "${audience}" ${problem}`;
    }),
    algorithms.length === 0 && 'algorithms: at least one is needed',
    ...algorithms.map(
      (alg) =>
        !SUPPORTED_ALGORITHMS.includes(alg) &&
        `algorithms: ${alg} is none of ${SUPPORTED_ALGORITHMS.join(', ')}`,
    ),
    jwksUri !== undefined && !isTrustedUrl(jwksUri, insecureHosts) && `jwksUri: ${jwksUri} is not https`,
    options.defaultTenant === '' && 'defaultTenant: is empty',
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw new ConfigurationError(problems);
}

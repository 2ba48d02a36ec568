import { isTrustedUrl } from '../auth/trusted-url.ts';

export type SessionConfiguration = {
  /** Origin of the application, as browsers see it. */
  baseUrl: string;
  secrets: readonly string[];
  /** Express's `trust proxy`: `false` or absent means off. */
  trustProxy?: unknown;
  /** The process speaks TLS itself. */
  directTls?: boolean;
  /** Hosts besides loopback that may be used over plain http. */
  insecureHosts?: readonly string[];
};

const SHORTEST_SECRET = 32;

/**
 * Every mistake that would make browser sessions fail or be unsafe, each with its mend; none is an empty list.
 *
 * @example
 * sessionConfigurationProblems({ baseUrl: 'https://app.example', secrets: [secret], trustProxy: false });
 * // ['BASE_URL is https … set TRUST_PROXY …']
 */
export function sessionConfigurationProblems(configuration: SessionConfiguration): string[] {
  const { baseUrl, secrets, trustProxy, directTls, insecureHosts = [] } = configuration;
  const problems: string[] = [];
  const url = URL.parse(baseUrl);
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== baseUrl) {
    problems.push(
      `BASE_URL must be a bare origin such as https://app.example, without a path or slash at the end`,
    );
  } else if (url.protocol === 'https:' && !trustProxy && !directTls) {
    problems.push(
      'BASE_URL is https while TRUST_PROXY is off: the session cookie would silently be lost; set TRUST_PROXY to the proxy in front',
    );
  } else if (!isTrustedUrl(baseUrl, insecureHosts)) {
    problems.push('BASE_URL is plain http on another host than loopback: session cookies need https');
  }
  if (secrets.length === 0)
    problems.push('SESSION_SECRETS is empty: give one secret or more, the newest first');
  if (secrets.some((secret) => secret.length < SHORTEST_SECRET)) {
    problems.push(`SESSION_SECRETS: each secret needs ${SHORTEST_SECRET} characters or more`);
  }
  return problems;
}

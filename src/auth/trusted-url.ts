/**
 * Whether keys may be fetched from there: https, or plain http to loopback and to the hosts that the operator
 * lists (`ALLOW_INSECURE_HOSTS`; exact, with or without the port). Whoever can change the answer on the way
 * could sign tokens.
 *
 * @example
 * isTrustedUrl('http://logto:3001/oidc/jwks', ['logto:3001']); // true
 */
export function isTrustedUrl(text: string, insecureHosts: readonly string[] = []): boolean {
  const url = URL.parse(text);
  if (url?.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  if (url.protocol !== 'http:') return false;
  return isLoopback(url.hostname) || insecureHosts.includes(url.host) || insecureHosts.includes(url.hostname);
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

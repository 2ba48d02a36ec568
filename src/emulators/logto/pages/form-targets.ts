/** The source expression under which a policy knows this address: its origin, or the scheme of an app's own. */
export function formTargetOf(address: string): string {
  const url = new URL(address);
  return url.origin === 'null' ? url.protocol : url.origin;
}

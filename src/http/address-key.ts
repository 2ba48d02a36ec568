import { isIPv6 } from 'node:net';

/**
 * What counts as one address: an IPv4 address, or the /64 that an IPv6 subscriber holds whole, however it is written
 * (a proxy may pass on `2001:0DB8::` or an IPv4 address in the clothes of IPv6).
 *
 * @example
 * addressKeyOf('2001:db8:0:1::7'); // 'address 2001:db8:0:1'
 */
export function addressKeyOf(ip: string | undefined): string {
  if (!ip) return 'address unknown';
  const bare = ip.split('%', 1).join('');
  if (!isIPv6(bare)) return `address ${ip}`;
  const groups = groupsOf(bare);
  const [, , , , , marker, high = 0, low = 0] = groups;
  if (marker === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `address ${[high >> 8, high & 255, low >> 8, low & 255].join('.')}`;
  }
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `address ${network.join(':')}`;
}

/** The eight numbers of an address; the URL parser knows every way to write one. */
function groupsOf(ip: string): number[] {
  const [left = '', right] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const read = (half: string) =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16));
  if (right === undefined) return read(left);
  const [before, after] = [read(left), read(right)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

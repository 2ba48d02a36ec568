import { readFileSync, writeFileSync } from 'node:fs';

/** The most memory this process had in hand, by the kernel's own count, since the last reset. */
export function peakRssMb(): number {
  const line = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

export function resetPeakRss(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

export const rssMb = (): number => Math.round(process.memoryUsage().rss / 1_048_576);

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether tests in a real browser can run; says so where it cannot. */
export function hasChromium(): boolean {
  const found = existsSync(executablePath);
  if (!found) console.warn(`SKIPPED: tests in a real browser need ${executablePath}`);
  return found;
}

export const launchChromium = (): Promise<Browser> => chromium.launch({ executablePath, args });

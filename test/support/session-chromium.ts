import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const installed = existsSync(executablePath);

/** As small and as quiet as a browser gets: it calls nobody but the page's own addresses. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A headless Chromium; close it when done. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGUMENTS, timeout: 60_000 });
}

/**
 * `describe` for suites that need a real browser. Without one they are skipped, loudly; with `REQUIRE_CHROMIUM`
 * set that is a failure.
 */
export function describeInChromium(name: string, suite: () => void): void {
  if (installed || process.env.REQUIRE_CHROMIUM) {
    describe(name, suite);
    return;
  }
  process.stderr.write(
    `\n*** SKIPPED, no browser: ${name}\n*** install the package chromium, or set CHROMIUM_PATH\n\n`,
  );
  describe.skip(`${name} (no ${executablePath})`, suite);
}

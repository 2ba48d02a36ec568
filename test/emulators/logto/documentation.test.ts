import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { tokenFaults } from '../../../src/emulators/logto/token-faults.ts';
import { webhookFaultKinds } from '../../../src/emulators/logto/webhooks/webhook-faults.ts';
import { openReceiver } from '../../support/logto-receiver.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/logto-emulator.md'), 'utf8');
const listed = (name: string) => {
  const [, text = ''] = new RegExp(`<!-- ${name} -->([^]*?)<!-- end -->`).exec(page) ?? [];
  return [...text.matchAll(/`([^`]+)`/g)].map(([, fault]) => fault);
};

describe('the documentation', () => {
  it('lists every fault', () => {
    expect(listed('token faults')).toEqual([...tokenFaults]);
    expect(listed('webhook faults')).toEqual([...webhookFaultKinds]);
  });

  it('shows control calls that work', async () => {
    const receiver = await openReceiver('key');
    const logto = await startLogtoEmulator({ webhookUrl: receiver.url, webhookSigningKey: 'key' });
    const calls = [...page.matchAll(/^\| `(GET|POST) (\/_emulator\/[\w/]+)` \| (?:`(\{.*?\})`)? ?\|/gm)];
    expect(calls.length).toBeGreaterThanOrEqual(9);
    for (const [, method = '', path = '', body] of calls) {
      const answer = await fetch(logto.url + path, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      });
      expect([path, answer.ok]).toEqual([path, true]);
    }
    await logto.close();
    await receiver.close();
  });
});

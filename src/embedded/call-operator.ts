import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { RunFile } from './run-file.ts';

type Line = {
  progress?: unknown;
  result?: unknown;
  error?: { name: string; message: string; report: unknown };
};

/** The other side gives a sign of life every ten seconds while it works. */
const QUIET_MS = 45_000;

/** An operation that failed in the running application, under the name that it had there. */
export class OperationFailed extends Error {
  readonly report: unknown;
  constructor(name: string, message: string, report: unknown) {
    super(message);
    this.name = name;
    this.report = report;
  }
}

/**
 * Asks the running application to do something.
 *
 * @throws OperationFailed with the name and message of what went wrong there; Error when nobody answers.
 */
export async function callOperator(
  run: Pick<RunFile, 'socket' | 'token'>,
  operation: string,
  input: unknown,
  onProgress: (progress: unknown) => void = () => undefined,
): Promise<unknown> {
  const response = await new Promise<import('node:http').IncomingMessage>((done, fail) => {
    const call = request(
      {
        socketPath: run.socket,
        path: `/${operation}`,
        method: 'POST',
        headers: { Authorization: `Bearer ${run.token}`, 'Content-Type': 'application/json' },
      },
      done,
    );
    call.setTimeout(QUIET_MS, () => call.destroy(new Error('the running application does not answer')));
    call.on('error', fail);
    call.end(JSON.stringify(input ?? null));
  });
  if (response.statusCode !== 200) {
    // Unread, it would keep this process from its end.
    response.resume();
    throw new Error(`the running application refuses: ${response.statusCode}`);
  }
  for await (const text of createInterface({ input: response })) {
    const line = JSON.parse(text) as Line;
    if (line.error) throw new OperationFailed(line.error.name, line.error.message, line.error.report);
    if ('result' in line) return line.result;
    if ('progress' in line) onProgress(line.progress);
  }
  throw new Error('the running application ended in the middle of the answer');
}

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exchange, Observer } from '../../src/emulators/permit/rest/serve-rest.ts';

/** An {@link Exchange} as it is written down, and who started the emulator. */
export type RecordedExchange = Omit<Exchange, 'query'> & { query: string; origin: string };

/**
 * The options of an emulator, with an observer that writes every exchange into the run's folder. A line leaves
 * before the next call is read, so that a killed process loses none.
 */
export function recorded<Options extends { observe?: Observer }>(options: Options, origin: string): Options {
  const folder = process.env.PERMIT_EXCHANGES;
  if (!folder) throw new Error('PERMIT_EXCHANGES is not set: this emulator would go unobserved');
  const file = join(folder, `${process.pid}.jsonl`);
  return {
    ...options,
    observe(exchange) {
      const line: RecordedExchange = { ...exchange, query: exchange.query.toString(), origin };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      options.observe?.(exchange);
    },
  };
}

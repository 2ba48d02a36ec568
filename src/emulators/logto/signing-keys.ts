import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';
import type { Clock } from '../control/emulator-clock.ts';
import type { Store } from '../store/store.ts';
import { newId } from './directory/ids.ts';
import { openTable } from './directory/tables.ts';

export type SigningAlgorithm = 'ES384' | 'ES256' | 'ES512' | 'RS256';
export const signingAlgorithms: readonly SigningAlgorithm[] = ['ES384', 'ES256', 'ES512', 'RS256'];

export type SigningKey = { kid: string; alg: SigningAlgorithm; privateKey: CryptoKey; publicJwk: JWK };

export type Rotation = {
  alg?: SigningAlgorithm;
  /** Seconds in which the new key is only announced; 0 (default) lets it sign at once. */
  graceSeconds?: number;
  /** Forgets the key that is replaced, as an administrator does after a leak. */
  dropPrevious?: boolean;
};

type KeyRow = {
  id: string;
  alg: SigningAlgorithm;
  privateJwk: JWK;
  createdAt: number;
  /** From then on it signs. */
  activeAt: number;
};

/**
 * The issuer's keys: the newest active one signs and comes first in the key set, at most one older one is kept,
 * as in a Logto tenant. They outlive a reset, and with a store on disk the process.
 */
export async function openSigningKeys(store: Store, clock: Clock) {
  const rows = openTable<KeyRow>(store, 'keys');
  const loaded = new Map<string, SigningKey>();

  async function load(row: KeyRow): Promise<void> {
    const privateKey = (await importJWK(row.privateJwk, row.alg)) as CryptoKey;
    const kid = await calculateJwkThumbprint(row.privateJwk);
    loaded.set(row.id, { kid, alg: row.alg, privateKey, publicJwk: publicPart(row, kid) });
  }

  async function generate(alg: SigningAlgorithm, activeAt: number): Promise<void> {
    const { privateKey } = await generateKeyPair(alg, {
      extractable: true,
      ...(alg === 'RS256' ? { modulusLength: 2048 } : {}),
    });
    const row = {
      id: newId(21),
      alg,
      privateJwk: await exportJWK(privateKey),
      createdAt: clock.now(),
      activeAt,
    };
    await load(row);
    rows.put(row);
  }

  /** Current, then the announced one, then the one that was replaced; whatever is older is no key any more. */
  function arranged(): { row: KeyRow; status: 'Current' | 'Next' | 'Previous' }[] {
    const newestFirst = rows.all().toReversed();
    const found = newestFirst.findIndex((row) => row.activeAt <= clock.now());
    const index = found === -1 ? newestFirst.length - 1 : found;
    const [current, next, previous] = [newestFirst[index], newestFirst[index - 1], newestFirst[index + 1]];
    return [
      ...(current ? [{ row: current, status: 'Current' as const }] : []),
      ...(next ? [{ row: next, status: 'Next' as const }] : []),
      ...(previous ? [{ row: previous, status: 'Previous' as const }] : []),
    ];
  }

  for (const row of rows.all()) await load(row);
  if (rows.count() === 0) await generate('ES384', 0);

  return {
    /** The key that signs now. */
    current: (): SigningKey => loadedKey(arranged()[0]?.row),
    all: (): SigningKey[] => arranged().map(({ row }) => loadedKey(row)),
    publicJwks: (): JWK[] => arranged().map(({ row }) => loadedKey(row).publicJwk),
    /** As the Management API lists them. */
    list: () =>
      arranged().map(({ row, status }) => ({
        id: row.id,
        createdAt: Math.floor(row.createdAt / 1000),
        signingKeyAlgorithm: row.alg === 'RS256' ? 'RSA' : 'EC',
        status,
      })),
    async rotate({ alg = 'ES384', graceSeconds = 0, dropPrevious = false }: Rotation = {}): Promise<void> {
      // An announced key that has not signed yet makes way for the new one.
      for (const { row, status } of arranged()) if (status === 'Next') forget(row);
      // At once means for good, also when the clock is set back; only what was announced waits for its hour.
      await generate(alg, graceSeconds > 0 ? clock.now() + graceSeconds * 1000 : 0);
      const kept = arranged().filter(({ status }) => !dropPrevious || status !== 'Previous');
      for (const row of rows.all()) if (!kept.some((key) => key.row.id === row.id)) forget(row);
    },
  };

  function forget(row: KeyRow): void {
    rows.delete(row.id);
    loaded.delete(row.id);
  }

  function loadedKey(row: KeyRow | undefined): SigningKey {
    const key = row && loaded.get(row.id);
    if (!key) throw new Error('there is no signing key');
    return key;
  }
}

export type SigningKeys = Awaited<ReturnType<typeof openSigningKeys>>;

/** As recorded: an RSA key carries no `alg`. */
function publicPart({ privateJwk, alg }: KeyRow, kid: string): JWK {
  const { kty = '', crv, x, y, e, n } = privateJwk;
  return kty === 'RSA'
    ? ({ kty, use: 'sig', kid, e, n } as JWK)
    : ({ kty, use: 'sig', kid, alg, crv, x, y } as JWK);
}

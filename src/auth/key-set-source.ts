import { UpstreamUnavailable } from '../errors.ts';
import { fetchRemoteDocument, type RemoteDocumentOptions } from './remote-document.ts';
import { type VerificationKey, verificationKeyOf } from './verification-key.ts';

/** More keys than any issuer has (Logto: three); a set of thousands would cost seconds of imports. */
const KEY_LIMIT = 64;

export type KeySetSourceOptions = RemoteDocumentOptions & {
  /** First one: where discovery is asked. All: what its `issuer` may say. */
  issuers: readonly string[];
  /** Skips discovery. */
  jwksUri?: string;
};

/**
 * Where the keys of the issuer come from: the given address, or the one that discovery names.
 *
 * @returns A function that fetches the usable keys once, or throws {@link UpstreamUnavailable}; an answer
 *   without any usable key is a failure too.
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 */
export function createKeySetSource(options: KeySetSourceOptions): () => Promise<VerificationKey[]> {
  let discovered: string | undefined;

  async function jwksUriOf(): Promise<string> {
    if (options.jwksUri) return options.jwksUri;
    discovered ??= await discover(options);
    return discovered;
  }

  return async function fetchKeys() {
    try {
      const document = await fetchRemoteDocument(await jwksUriOf(), options);
      const keys = await usableKeys(document);
      if (keys.length === 0) throw unusable('holds no usable key', 'empty');
      return keys;
    } catch (error) {
      // The issuer may have moved its keys: ask discovery again next time.
      discovered = undefined;
      throw error;
    }
  };
}

async function discover(options: KeySetSourceOptions): Promise<string> {
  const url = `${options.issuers[0]}/.well-known/openid-configuration`;
  const document = await fetchRemoteDocument(url, options);
  const { issuer, jwks_uri } = (document ?? {}) as Record<string, unknown>;
  if (typeof issuer !== 'string' || !options.issuers.includes(issuer)) {
    throw unusable('discovery speaks for another issuer', 'foreign_issuer');
  }
  if (typeof jwks_uri !== 'string') throw unusable('discovery names no key set', 'malformed');
  return jwks_uri;
}

async function usableKeys(document: unknown): Promise<VerificationKey[]> {
  const { keys } = (document ?? {}) as Record<string, unknown>;
  if (!Array.isArray(keys)) throw unusable('is not a key set', 'malformed');
  const read = await Promise.all(keys.slice(0, KEY_LIMIT).map(verificationKeyOf));
  return read.filter((key) => key !== undefined);
}

function unusable(message: string, logCode: string): UpstreamUnavailable {
  return new UpstreamUnavailable('logto', `key set ${message}`, {
    logCode: `logto_key_set_${logCode}`,
    retryAfterSeconds: 5,
  });
}

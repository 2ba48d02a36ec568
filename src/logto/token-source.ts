import LogtoClient from '@logto/node';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { UpstreamUnavailable } from '../errors.ts';
import type { BoundedRequester } from './bounded-requester.ts';
import type { SessionTokens } from './session-rows.ts';

export type TokenSourceOptions = {
  endpoint: string;
  appId: string;
  appSecret: string;
  scopes: readonly string[];
  /** API resource indicator that tokens are asked for. */
  resource: string;
  requester: BoundedRequester;
  /** Makes the discovery document known to the SDK. */
  discover: () => Promise<unknown>;
  /** Throws on an ID token that is not good. */
  checkIdToken: (token: string) => Promise<void>;
  clock: Clock;
};

export type TokenSource = ReturnType<typeof createTokenSource>;

/** A token that ends within this time is fetched anew: it may be used in a call that takes a while. */
const LEEWAY_SECONDS = 30;

const tokenMapSchema = z.record(z.string(), z.looseObject({ token: z.string() })).catch({});

/**
 * Access tokens of a session for the API resource, through the SDK's own client (`@logto/node`): it speaks the
 * refresh grant, rotation included, and knows organizations, which `@logto/express` does not forward.
 *
 * When a token has run out is decided here, by our clock and with a leeway; the SDK has neither.
 */
export function createTokenSource(options: TokenSourceOptions) {
  const { endpoint, appId, appSecret, scopes, resource, clock } = options;
  const keyOf = (organizationId: string | undefined) =>
    organizationId === undefined ? `@${resource}` : `@${resource}#${organizationId}`;

  function liveTokensOf(tokens: SessionTokens) {
    const map = tokenMapSchema.parse(JSON.parse(tokens.accessToken ?? '{}'));
    const soon = clock.now() / 1_000 + LEEWAY_SECONDS;
    return Object.fromEntries(Object.entries(map).filter(([, { token }]) => expiryOf(token) > soon));
  }

  return {
    /** The token that the session holds already, if it is still good for a while. */
    heldToken(tokens: SessionTokens, organizationId: string | undefined): string | undefined {
      return liveTokensOf(tokens)[keyOf(organizationId)]?.token;
    },

    /**
     * Asks Logto for a new one.
     *
     * @param keepRefreshToken called with a rotated refresh token before anything else can fail: the one before it
     *   is worth nothing by then.
     * @returns the token, and what the session holds from now on.
     * @throws LogtoRequestError on a refusal, `UpstreamUnavailable` on an outage.
     */
    async freshToken(
      tokens: SessionTokens,
      organizationId: string | undefined,
      keepRefreshToken: (refreshToken: string) => Promise<void>,
    ): Promise<{ token: string; tokens: SessionTokens }> {
      // The SDK starts with an empty map, so that it always asks; what it fetched is merged into ours.
      const items: Record<string, string | undefined> = {
        idToken: tokens.idToken,
        refreshToken: tokens.refreshToken,
      };
      const client = new LogtoClient(
        { endpoint, appId, appSecret, scopes: [...scopes], resources: [resource] },
        {
          requester: options.requester,
          navigate: () => undefined,
          storage: {
            getItem: async (key) => items[key] ?? null,
            setItem: async (key, value) => {
              if (key === 'refreshToken' && value !== items.refreshToken) await keepRefreshToken(value);
              items[key] = value;
            },
            // A refresh removes nothing.
            removeItem: async () => undefined,
          },
        },
        () => ({ verifyIdToken: options.checkIdToken }),
      );
      await options.discover();
      const token: unknown = await client.getAccessToken(resource, organizationId);
      if (typeof token !== 'string')
        throw new UpstreamUnavailable('logto', 'answered without an access token');
      const { accessToken, ...renewed } = items as Required<SessionTokens>;
      const map = { ...liveTokensOf(tokens), ...JSON.parse(accessToken) };
      return { token, tokens: { ...tokens, ...renewed, accessToken: JSON.stringify(map) } };
    },
  };
}

/** As the token says itself; an opaque one is for no API and counts as over. */
function expiryOf(token: string): number {
  try {
    return Number(decodeJwt(token).exp);
  } catch {
    return 0;
  }
}

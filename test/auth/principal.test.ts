import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { InvalidRequest, InvalidToken, PermissionDenied } from '../../src/errors.ts';
import { AUDIENCE, type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';

let harness: AuthHarness;
let metrics: Registry;
beforeEach(async () => {
  metrics = new Registry();
  harness = await startAuthHarness({ organizationAudience: true, tokenCacheTtlMs: 30_000, metrics });
});
afterEach(() => harness.close());

const verify = (claims: Record<string, unknown>) => harness.verifier.verify(harness.token(claims));

describe('the principal', () => {
  it('of a person', async () => {
    expect(await verify({ scope: 'read:reports  write:reports ' })).toMatchObject({
      kind: 'user',
      sub: 'alice0000001',
      key: 'alice0000001',
      clientId: 'webapp',
      tenant: 'default',
      scopes: new Set(['read:reports', 'write:reports']),
      audience: AUDIENCE,
      via: 'bearer',
      issuedAt: harness.clock.nowSeconds(),
      expiresAt: harness.clock.nowSeconds() + 3_600,
    });
  });

  it('of a machine can never be the key of a person', async () => {
    expect(await verify({ sub: 'reporter0001', client_id: 'reporter0001' })).toMatchObject({
      kind: 'machine',
      key: 'm2m|reporter0001',
    });
    await expect(verify({ sub: 'm2m|reporter0001' })).rejects.toThrow(PermissionDenied);
  });

  it.each([[undefined], ['']])('has no scopes when scope is %p', async (scope) => {
    expect((await verify({ scope })).scopes).toEqual(new Set());
  });

  it('acts in the organization of the claim', async () => {
    expect(await verify({ organization_id: 'acme00000001' })).toMatchObject({
      tenant: 'acme00000001',
      organizationId: 'acme00000001',
    });
  });

  it('acts in the organization of the audience', async () => {
    expect(await verify({ aud: 'urn:logto:organization:acme00000001' })).toMatchObject({
      tenant: 'acme00000001',
      organizationId: 'acme00000001',
      audience: 'urn:logto:organization:acme00000001',
    });
  });

  it('acts in the default tenant when the audience is ours, whatever stands beside it', async () => {
    const principal = await verify({ aud: ['urn:logto:organization:acme00000001', AUDIENCE] });
    expect(principal).toMatchObject({ tenant: 'default', audience: AUDIENCE });
    expect(principal).not.toHaveProperty('organizationId');
  });

  it('names who acts on behalf of whom', async () => {
    expect(await verify({ act: { sub: 'support00001' } })).toMatchObject({ actor: 'support00001' });
    expect(await verify({})).not.toHaveProperty('actor');
  });

  it('says how the token came', async () => {
    const principal = await harness.verifier.verify(harness.token(), { via: 'session' });
    expect(principal.via).toBe('session');
  });
});

describe('the token cache', () => {
  const outcomes = async () => {
    const metric = await metrics.getSingleMetric('elp_access_tokens_total')?.get();
    return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels.outcome, value]) ?? []);
  };

  it('verifies a token once in its time to live', async () => {
    const token = harness.token();
    await harness.verifier.verify(token);
    harness.clock.advance(29_999);
    await harness.verifier.verify(token);
    expect(await outcomes()).toEqual({ verified: 1, cached: 1 });
    harness.clock.advance(1);
    await harness.verifier.verify(token);
    expect(await outcomes()).toEqual({ verified: 2, cached: 1 });
  });

  it('never outlives the token', async () => {
    const token = harness.token({ exp: harness.clock.nowSeconds() + 10 });
    await harness.verifier.verify(token);
    expect(harness.verifier.recognizes(token)).toBe('alice0000001');
    harness.clock.advance(10_000);
    expect(harness.verifier.recognizes(token)).toBeUndefined();
    await harness.verifier.verify(token);
    expect(await outcomes()).toEqual({ verified: 2 });
    harness.clock.advance(5_000);
    await expect(harness.verifier.verify(token)).rejects.toThrow(InvalidToken);
  });

  it('serves nothing from before when the clock is set back', async () => {
    const token = harness.token({ iat: harness.clock.nowSeconds() - 100 });
    await harness.verifier.verify(token);
    harness.clock.advance(-1);
    await harness.verifier.verify(token);
    expect(await outcomes()).toEqual({ verified: 2 });
  });

  it('is emptied when the key set changes, not when the same keys come again', async () => {
    const token = harness.token();
    await harness.verifier.verify(token);
    harness.clock.advance(10_000);
    await expect(harness.verifier.verify(harness.token({}, { kid: 'unknown' }))).rejects.toThrow(
      InvalidToken,
    );
    expect(harness.issuer.fetches()).toBe(2);
    await harness.verifier.verify(token);
    expect(await outcomes()).toMatchObject({ verified: 1, cached: 1 });

    harness.issuer.keys = [harness.nextKey.jwk];
    harness.clock.advance(10_000);
    await harness.verifier.verify(harness.token({}, {}, harness.nextKey));
    await expect(harness.verifier.verify(token)).rejects.toThrow(InvalidToken);
  });

  it('hands out what no handler can change for the next request', async () => {
    const token = harness.token({ nested: { list: [1] } });
    const first = await harness.verifier.verify(token);
    (first.scopes as Set<string>).add('admin');
    expect(() => {
      (first.claims.nested as { list: number[] }).list.push(2);
    }).toThrow(TypeError);
    (first as { tenant: string }).tenant = 'globex000001';
    const second = await harness.verifier.verify(token);
    expect(second.scopes).toEqual(new Set(['read:reports']));
    expect(second.tenant).toBe('default');
  });

  it('counts what it refused and what it could not know', async () => {
    await expect(harness.verifier.verify('opaque')).rejects.toThrow(InvalidToken);
    harness.issuer.fault = 'error';
    await expect(harness.verifier.verify(harness.token())).rejects.toMatchObject({ status: 503 });
    expect(await outcomes()).toEqual({ refused: 1, unavailable: 1 });
    expect(await metrics.metrics()).toContain('elp_key_set_usable 0');
    expect(await metrics.metrics()).toContain('elp_key_set_fetches_total{result="logto_key_set_status"} 1');
  });
});

describe('one caller a request', () => {
  it('a second step may find the same one, never another', async () => {
    const { principalOf, setPrincipal } = await import('../../src/auth/principal.ts');
    const { IncomingMessage } = await import('node:http');
    const { Socket } = await import('node:net');
    const req = new IncomingMessage(new Socket());
    const alice = await harness.verifier.verify(harness.token(), { via: 'session' });
    setPrincipal(req, alice);
    setPrincipal(req, { ...alice, via: 'bearer' });
    expect(principalOf(req)).toMatchObject({ sub: 'alice0000001', via: 'bearer' });
    const bob = await verify({ sub: 'bob000000001' });
    expect(() => setPrincipal(req, bob)).toThrow(InvalidRequest);
    expect(principalOf(req)).toMatchObject({ sub: 'alice0000001' });
  });
});

import type { Seed } from '../seed.ts';
import { newSecret, stableId } from './directory/ids.ts';
import { plantNewResources } from './directory/plant-resources.ts';
import { plantApplications, plantSeed } from './directory/plant-seed.ts';
import type { Issuer } from './issuer.ts';
import { hookEventsOf } from './webhooks/payloads.ts';

type Configuration = { apiResource?: string; webhookUrl?: string; webhookSigningKey?: string };

/** What outlives a reset. */
const KEPT = new Set(['keys', 'meta']);

/**
 * Brings the seed in: into an empty store, or after a reset (`fresh`). On kept state only what the
 * configuration says is renewed: addresses of applications and of the webhook, and API resources that it names.
 */
export function plantEverything(
  issuer: Issuer,
  seed: Seed,
  configuration: Configuration,
  fresh: boolean,
): void {
  const { store, directory, clock } = issuer;
  store.batch(() => {
    if (fresh)
      for (const collection of store.collections()) if (!KEPT.has(collection)) store.clear(collection);
    const complete = withResource(seed, configuration.apiResource);
    if (fresh || store.get('meta', 'seeded') !== true) plantSeed(directory, complete, clock.now());
    else {
      plantNewResources(directory, complete, clock.now());
      plantApplications(directory, complete, clock.now());
    }
    plantHooks(issuer, seed, configuration);
    store.put('meta', 'seeded', true);
  });
}

function plantHooks(
  { store, directory, clock, version }: Issuer,
  seed: Seed,
  configuration: Configuration,
): void {
  const { webhookUrl, webhookSigningKey } = configuration;
  const wanted = [...seed.hooks];
  if (webhookUrl !== undefined) {
    // Generated once: the receiver has to know it after a restart too.
    const kept = store.get<string>('meta', 'webhookSigningKey') ?? newSecret(32);
    store.put('meta', 'webhookSigningKey', kept);
    wanted.unshift({ name: 'webhook', url: webhookUrl, signingKey: webhookSigningKey ?? kept });
  }
  for (const hook of wanted) {
    const id = stableId(`hook ${hook.name}`, 21);
    const kept = directory.hooks.get(id);
    directory.hooks.put({
      id,
      name: kept?.name ?? hook.name,
      events: kept?.events ?? [...(hook.events ?? hookEventsOf(version))],
      config: { ...kept?.config, url: hook.url },
      signingKey: hook.signingKey,
      enabled: kept?.enabled ?? true,
      createdAt: kept?.createdAt ?? clock.now(),
    });
  }
}

function withResource(seed: Seed, indicator: string | undefined): Seed {
  if (indicator === undefined || indicator in seed.apiResources) return seed;
  const scopes = Object.values(seed.apiResources)[0] ?? [];
  return { ...seed, apiResources: { [indicator]: scopes, ...seed.apiResources } };
}

import axios, { type AxiosInstance, isAxiosError } from 'axios';
import { Permit } from 'permitio';
import type { Clock } from '../clock.ts';
import { DirectoryError } from '../sync/directory-error.ts';
import { isCloudPdp } from './call-budget.ts';
import { directoryFailureOf } from './directory-failure.ts';
import { type CallClass, createThrottle, limitsOf } from './directory-throttle.ts';

export type DirectoryApiOptions = {
  apiKey: string;
  apiUrl: string;
  /** With `waitForSyncMs`, facts are written through this PDP, which answers once it has them itself. */
  pdpUrl?: string;
  /** Deadline of one call. */
  timeoutMs?: number;
  /** How long a write may wait for the PDP; nothing means that writes go straight to the API. */
  waitForSyncMs?: number;
  /** `vendor` keeps to api.permit.io's limits; the default does so when that is where the calls go. */
  limits?: 'vendor' | 'none';
  clock: Clock;
};

export type DirectoryApi = {
  /** Runs one call of the SDK inside its deadline, its budget and with its errors translated. */
  call<T>(kind: CallClass, work: (permit: Permit) => Promise<T>): Promise<T>;
};

const withoutSlash = (url: string) => url.replace(/\/+$/, '');

/** 0 without a wait: the cloud PDP cannot wait for an update, and a PDP that is not named is not there. */
function pdpWaitMsOf({ waitForSyncMs = 0, pdpUrl }: DirectoryApiOptions): number {
  return pdpUrl && !isCloudPdp(pdpUrl) ? waitForSyncMs : 0;
}

/** An instance of its own: the SDK's default has no deadline, follows redirects and reads without a limit. */
function createHttp(timeoutMs: number): AxiosInstance {
  const http = axios.create({
    timeout: timeoutMs,
    maxRedirects: 0,
    maxContentLength: 20_000_000,
    maxBodyLength: 20_000_000,
    proxy: false,
  });
  // `timeout` measures silence; a server that drips bytes needs a deadline over the whole.
  http.interceptors.request.use((config) => {
    config.signal = AbortSignal.timeout(timeoutMs);
    return config;
  });
  http.interceptors.response.use(undefined, (error: unknown) => {
    // The other end may close a connection that rested at the very moment when it is used again. Every call here
    // may be repeated, whatever became of the first; a new connection has no such excuse.
    if (isAxiosError(error) && error.code === 'ECONNRESET' && error.config && error.request?.reusedSocket)
      return http.request(error.config);
    // Translated before the SDK sees it: what it throws and logs would hold the bearer token.
    return Promise.reject(directoryFailureOf(error));
  });
  return http;
}

/** The status of this call says nothing about the one that was meant: its 404 is no "already gone". */
function withoutStatus({ kind, message, retryAfterMs }: DirectoryError): DirectoryError {
  const ours = kind === 'refused-input' ? 'unavailable' : kind;
  return new DirectoryError(ours, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

export function createDirectoryApi(options: DirectoryApiOptions): DirectoryApi {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const apiUrl = withoutSlash(options.apiUrl);
  const pdpWaitMs = pdpWaitMsOf(options);
  const http = createHttp(timeoutMs + pdpWaitMs);
  const permit = new Permit({
    token: options.apiKey,
    apiUrl,
    pdp: withoutSlash(options.pdpUrl ?? apiUrl),
    axiosInstance: http,
    retry: false,
    log: { level: 'silent' },
    ...(pdpWaitMs > 0
      ? {
          proxyFactsViaPdp: true,
          factsSyncTimeout: pdpWaitMs / 1000,
          factsSyncTimeoutPolicy: 'ignore',
        }
      : {}),
  });
  const take = createThrottle(limitsOf(apiUrl, options.limits), options.clock);
  let scope: Promise<void> | undefined;

  // The SDK asks for the key's scope once for every parallel first call, and hides why it failed.
  async function readScope(): Promise<void> {
    const { data } = await http.get<{
      organization_id?: string;
      project_id?: string;
      environment_id?: string;
    }>(`${apiUrl}/v2/api-key/scope`, { headers: { authorization: `Bearer ${options.apiKey}` } });
    const { organization_id: organization, project_id: project, environment_id: environment } = data ?? {};
    if (!organization || !project || !environment) {
      throw new DirectoryError('refused-key', 'the key is not of one environment');
    }
    permit.config.apiContext._saveApiKeyAccessibleScope(organization, project, environment);
    permit.config.apiContext.setEnvironmentLevelContext(organization, project, environment);
  }

  return {
    async call(kind, work) {
      try {
        scope ??= readScope();
        await scope;
      } catch (error) {
        scope = undefined;
        throw withoutStatus(directoryFailureOf(error));
      }
      await take(kind);
      try {
        return await work(permit);
      } catch (error) {
        throw directoryFailureOf(error);
      }
    },
  };
}

import { Permit } from 'permitio';
import {
  type PermitEmulator,
  type PermitEmulatorOptions,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { type Conformance, createConformance } from './permit-conformance.ts';
import { examplePolicy } from './permit-policy.ts';

type Method = (...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/** Not operations: the SDK's own plumbing. */
const PLUMBING = new Set([
  'constructor',
  'clone',
  'waitForSync',
  'ensureAccessLevel',
  'ensureContext',
  'handleApiError',
  'setContextFromApiKey',
  'getMethods',
]);

export type SdkWorld = {
  emulator: PermitEmulator;
  permit: Permit;
  conformance: Conformance | undefined;
  /** Operations that the SDK has in these API groups; `''` are the flat ones. */
  operations(groups: readonly string[]): string[];
  /** Those of them that nothing has called yet. */
  notCalled(groups: readonly string[]): string[];
  close(): Promise<void>;
};

/** The published SDK beside a strict emulator; every call of the REST API is checked against the document. */
export async function openSdkWorld(
  options: PermitEmulatorOptions = {},
  level: keyof PermitEmulator['keys'] = 'environment',
): Promise<SdkWorld> {
  const conformance = createConformance();
  const emulator = await startPermitEmulator({
    policy: examplePolicy,
    ...options,
    ...(conformance ? { observe: conformance.observe } : {}),
  });
  const permit = sdkFor(emulator, { token: emulator.keys[level] });
  const called = new Set<string>();
  const operations = watchOperations(permit.api as unknown as Record<string, unknown>, called);
  return {
    emulator,
    permit,
    conformance,
    operations: (groups) => operations.filter((name) => groups.includes(groupOf(name))),
    notCalled: (groups) =>
      operations.filter((name) => groups.includes(groupOf(name)) && !called.has(name)).sort(),
    close: () => emulator.close(),
  };
}

export function sdkFor(
  emulator: PermitEmulator,
  options: ConstructorParameters<typeof Permit>[0] = {},
): Permit {
  return new Permit({
    token: emulator.keys.environment,
    apiUrl: emulator.url,
    pdp: emulator.pdpUrl,
    log: { level: 'silent' },
    ...options,
  });
}

const groupOf = (name: string): string => (name.includes('.') ? name.slice(0, name.indexOf('.')) : '');

/** Notes every call of an operation; the SDK's own code runs as it is. */
function watchOperations(api: Record<string, unknown>, called: Set<string>): string[] {
  const names: string[] = [];
  const watch = (target: Methods, prefix: string): void => {
    for (const name of operationNames(target)) {
      names.push(`${prefix}${name}`);
      const original = target[name];
      target[name] = (...args) => {
        called.add(`${prefix}${name}`);
        return original?.apply(target, args);
      };
    }
  };
  for (const [group, value] of Object.entries(api)) {
    const isGroup = typeof value === 'object' && value !== null && group !== 'config' && group !== 'logger';
    if (isGroup && operationNames(value).includes('list')) watch(value as Methods, `${group}.`);
  }
  watch(api as Methods, '');
  return names;
}

function operationNames(target: object): string[] {
  const names = new Set<string>();
  for (let level = Object.getPrototypeOf(target); level && level !== Object.prototype; ) {
    for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof member.value === 'function' && !PLUMBING.has(name)) names.add(name);
    }
    level = Object.getPrototypeOf(level);
  }
  return [...names];
}

/** Status and error code of a refused SDK call. */
export async function refusalOf(call: Promise<unknown>): Promise<{ status: number; code?: string }> {
  try {
    await call;
  } catch (error) {
    const { response } = error as { response?: { status: number; data?: { error_code?: string } } };
    if (!response) throw error;
    const code = response.data?.error_code;
    return { status: response.status, ...(code === undefined ? {} : { code }) };
  }
  throw new Error('the call was not refused');
}

// complete-lockfile.mjs package-lock.json: a mirror that lacks the builds of other platforms leaves their entries out of the
// lockfile, and `npm ci` then refuses it everywhere. This adds them (name, version, platform) after an install.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.argv[2];
const lock = JSON.parse(readFileSync(file, 'utf8'));
const OS = [
  'android',
  'darwin',
  'linux',
  'win32',
  'freebsd',
  'openharmony',
  'aix',
  'sunos',
  'netbsd',
  'openbsd',
];
const CPU = ['arm64', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'arm', 'wasm32', 'mips64el'];
let added = 0;
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  if (!path.startsWith('node_modules/')) continue;
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (Object.keys(lock.packages).some((p) => p.endsWith(`node_modules/${name}`))) continue;
    const parts = name.split('/').at(-1).split('-');
    const os = OS.find((o) => parts.includes(o));
    const cpu = CPU.find((c) => parts.some((p) => p === c)) ?? (parts.includes('arm') ? 'arm' : undefined);
    if (!os || !/^\d/.test(range)) {
      console.error('left', name, range);
      continue;
    }
    const libc = parts.some((p) => p.startsWith('musl'))
      ? ['musl']
      : parts.some((p) => p.startsWith('gnu'))
        ? ['glibc']
        : undefined;
    lock.packages[`node_modules/${name}`] = {
      version: range,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      ...(libc && os === 'linux' ? { libc } : {}),
      optional: true,
      os: [os],
    };
    added++;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log('added', added);

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ChildProcess, spawn } from './child-process.ts';

/** An emulator in a process of its own, which can be killed. */
export type EmulatorProcess = { url: string; kill(): Promise<void> };

export async function startEmulatorProcess(dataDir: string): Promise<EmulatorProcess> {
  const script = fileURLToPath(new URL('permit-process-main.ts', import.meta.url));
  const args = ['--conditions=source', '--disable-warning=ExperimentalWarning', script, dataDir];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim()));
    child.once('exit', (code) => reject(new Error(`the emulator ended with ${code}`)));
  });
  return {
    url,
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

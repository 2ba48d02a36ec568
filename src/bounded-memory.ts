import { setFlagsFromString } from 'node:v8';

/**
 * Lets this process take the memory that it needs and not what the machine has. V8 takes a machine of many gigabytes
 * for a reason to collect late: reading a directory page by page left half a gigabyte of garbage standing where sixty
 * megabytes were in use. The embedded database, once its code is compiled a second time for speed, takes another half.
 *
 * For commands, ahead of everything else. A server answers a quarter fewer requests with it, and a library must not
 * choose it for its host.
 */
export function boundMemory(): void {
  // What is born has the megabytes it begins with, and does not get more of them as the program runs.
  setFlagsFromString('--semi-space-growth-factor=1');
  // A collection is due when the heap has grown by 40 % since the last one; otherwise it may be threefold.
  setFlagsFromString('--heap-growing-percent=40');
  // WebAssembly is compiled once. The optimizing compiler takes 500 MB and some seconds of both processors for an
  // engine that a command uses for half a minute.
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
}

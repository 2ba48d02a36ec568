/**
 * Preloaded (`node --import`) into every process that a test starts: a Permit emulator that runs there writes down
 * each REST call with its answer, and the end of the run holds them to Permit's document. The product's own files
 * stay as they are: their module gets one more layer around it, under its own name.
 */
import { registerHooks } from 'node:module';

const EMULATOR = /\/permit\/start-permit-emulator\.[tj]s$/;
const recording = new URL('permit-recording.ts', import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    if (!EMULATOR.test(url)) return nextLoad(url, context);
    return { format: 'module', shortCircuit: true, source: layerAround(`${url}?itself`) };
  },
});

/** @param {string} url */
function layerAround(url) {
  return `
    export * from ${JSON.stringify(url)};
    import { startPermitEmulator as start } from ${JSON.stringify(url)};
    import { recorded } from ${JSON.stringify(recording)};
    export const startPermitEmulator = (options) => start(recorded(options ?? {}, process.argv.slice(1).join(' ')));`;
}

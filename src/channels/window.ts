import type { RunState } from '../segment/index.js';

/** How much of a channel may be on its way: the producer waits while as many items, or as many bytes, are out. */
interface Window {
  readonly items: number;
  readonly bytes: number;
}

const OF_RUNS: Window = { items: 1024, bytes: 16 * 2 ** 20 };

/** In a session an interruption has to get through all that is on its way. */
const OF_SESSIONS: Window = { items: 64, bytes: 16 * 2 ** 20 };

/** The window of each channel of a run. */
export function windowOf({ isTagged }: RunState): Window {
  return isTagged ? OF_SESSIONS : OF_RUNS;
}

import { setTimeout as sleep } from 'node:timers/promises';

/** How long sockets and files that are being closed may take, in milliseconds. */
const PATIENCE_MS = 100;
const STEP_MS = 5;
/** What comes and goes with connections of this host's own. */
const PASSING = new Set(['CloseReq', 'ConnectWrap', 'ShutdownWrap', 'WriteWrap']);

/** Whether anything that user code has started keeps this host busy. */
export class Quiet {
  /** How many of each kind there were when nothing had run yet. */
  #before = new Map<string, number>();

  /** What is there now belongs to the modules that have been loaded, and does not count. */
  note(): void {
    this.#before = activeResources();
  }

  /** Waits a moment for what is just ending. */
  async isReached(): Promise<boolean> {
    const end = performance.now() + PATIENCE_MS;
    while (!this.#isReached()) {
      if (performance.now() > end) return false;
      await sleep(STEP_MS, undefined, { ref: false });
    }
    return true;
  }

  #isReached(): boolean {
    return [...activeResources()].every(([kind, count]) => count <= (this.#before.get(kind) ?? 0));
  }
}

/** What keeps this thread alive; timers that do not are not among it. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (!PASSING.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

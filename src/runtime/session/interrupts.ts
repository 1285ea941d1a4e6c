const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Signal = (typeof SIGNALS)[number];

/** A run that Ctrl-C has to end. */
export interface Interruptible {
  /** Cancels the run. */
  cancel(reason: Error): void;
  /** Settles once nothing of the run is left. */
  readonly ended: Promise<unknown>;
}

const open = new Set<Interruptible>();
const listeners = new Map<Signal, () => void>();
/** The program is about to end by a signal: runs that begin until then do not keep it from that. */
let isEnding = false;

/**
 * While runs are open, Ctrl-C and SIGTERM cancel them first; then the program ends by the signal, as it would have without us. A program
 * that listens for the signal itself is left alone. A second signal ends it at once.
 */
export function watchInterrupts(run: Interruptible): void {
  if (open.size === 0 && !isEnding) SIGNALS.forEach(listen);
  open.add(run);
}

/** The run has ended; one that was not watched may be told of as well. */
export function unwatchInterrupts(run: Interruptible): void {
  if (open.delete(run) && open.size === 0) unlistenSoon();
}

/**
 * A signal that has come already, but has not been told yet, would be lost with its listener: it is told in the next turn of the event
 * loop that begins after this one.
 */
function unlistenSoon(): void {
  setImmediate(() => {
    setImmediate(() => {
      if (open.size === 0) SIGNALS.forEach(unlisten);
    });
  });
}

function listen(signal: Signal): void {
  if (listeners.has(signal)) return;
  const listener = (): void => {
    // Somebody else answers for this signal.
    if (process.listenerCount(signal) > 1) return;
    SIGNALS.forEach(unlisten);
    isEnding = true;
    void endByInterrupt(signal);
  };
  listeners.set(signal, listener);
  // First of all: a listener that another one added by `once` is no longer counted when the ones after it are called.
  process.prependListener(signal, listener);
}

function unlisten(signal: Signal): void {
  const listener = listeners.get(signal);
  if (listener !== undefined) process.removeListener(signal, listener);
  listeners.delete(signal);
}

async function endByInterrupt(signal: Signal): Promise<void> {
  const runs = [...open];
  const reason = new DOMException(`The program received ${signal}.`, 'AbortError');
  for (const run of runs) run.cancel(reason);
  await Promise.allSettled(runs.map((run) => run.ended));
  // The callers see the cancel before the program ends.
  process.nextTick(() => {
    process.kill(process.pid, signal);
    // A program that has come to listen for it goes on.
    isEnding = false;
  });
}

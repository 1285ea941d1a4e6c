/**
 * Why an item has come to nothing before it was through: a limit, or a join without a partner (`dropped`), an interruption, a node that
 * has failed for it (`failed`, `dead-letter` where it was skipped), or the death of the host in which it was (`lost`). `ended`: it waited
 * where nothing is wanted any more; what that means says the end of the session. `unknown`: the same, of what was on its way to another
 * host, which may have been done with it.
 */
export type LossReason = 'dropped' | 'interrupted' | 'failed' | 'dead-letter' | 'lost' | 'ended' | 'unknown';

/** Takes an item that has come to nothing: where, the stamp of the input that it comes from, and why. */
export type OnLoss = (nodeId: string, stamp: number, reason: LossReason) => void;

/** Losses as they are told to another process: those of one place and one reason together. */
export type LossEntry = readonly [nodeId: string, reason: LossReason, stamps: readonly number[]];

/** More than that are not kept back. */
const MOST_GATHERED = 1024;

/** Gathers losses that are told to another process, until the event loop turns. */
export class LossBatch {
  readonly #tell: (losses: readonly LossEntry[]) => void;
  #entries: (readonly [nodeId: string, reason: LossReason, stamps: number[]])[] = [];
  #count = 0;

  constructor(tell: (losses: readonly LossEntry[]) => void) {
    this.#tell = tell;
  }

  /** Adds one. */
  readonly add: OnLoss = (nodeId, stamp, reason) => {
    const last = this.#entries.at(-1);
    if (last?.[0] === nodeId && last[1] === reason) last[2].push(stamp);
    else this.#entries.push([nodeId, reason, [stamp]]);
    if (++this.#count === 1) setImmediate(this.flush);
    else if (this.#count >= MOST_GATHERED) this.flush();
  };

  /** Tells what has gathered, before something else is told. */
  readonly flush = (): void => {
    if (this.#count === 0) return;
    const entries = this.#entries;
    this.#entries = [];
    this.#count = 0;
    this.#tell(entries);
  };
}

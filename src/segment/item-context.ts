import type { DType, Tensor } from '../data/index.js';
import type { Logger } from '../logging/index.js';
import type { NodeContext } from '../node/index.js';
import type { RunState } from './run-state.js';
import { nextStamp, type Tag } from './tag.js';

/** What a node of a session is given with a call: it knows the item that the call is for. */
export class ItemContext implements NodeContext {
  readonly nodeId: string;
  #run: RunState;
  #tag: Tag | undefined;
  /** Made when a node asks for its signal: most never do. */
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #onAbort: (() => void) | undefined;

  constructor(nodeId: string, run: RunState) {
    this.nodeId = nodeId;
    this.#run = run;
  }

  /** The call goes on in another run of the session. */
  goOnIn(run: RunState): void {
    this.#run = run;
  }

  /** That of the item of the call. */
  get tag(): Tag | undefined {
    return this.#tag;
  }

  /** The next call is for an item with this tag. */
  set tag(tag: Tag | undefined) {
    this.#tag = tag;
    if (this.#abortReason === undefined || this.#run.isCancelled) return;
    this.#abortReason = undefined;
    this.#controller = undefined;
  }

  get sessionId(): string {
    return this.#run.sessionId;
  }

  get logger(): Logger {
    return this.#run.logger;
  }

  get timestampUs(): number | undefined {
    return this.#tag?.timestampUs;
  }

  set timestampUs(timestampUs: number | undefined) {
    this.#change({ timestampUs });
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  allocate(dtype: DType, shape: readonly number[]): Tensor {
    return this.#run.allocate(dtype, shape);
  }

  interrupt(): void {
    this.#run.interrupt(this.#tag?.stamp ?? nextStamp());
  }

  survive(): void {
    this.#change({ survives: true });
  }

  #change(change: Partial<Tag>): void {
    if (this.#tag === undefined) return;
    const isOnItsWay = this.#run.tag === this.#tag;
    this.#tag = { ...this.#tag, ...change };
    // What a sync node gives goes on as soon as it has returned.
    if (isOnItsWay) this.#run.tag = this.#tag;
  }

  /** Whether the item of the call was interrupted. */
  get isStale(): boolean {
    return this.#run.isStale(this.#tag);
  }

  /** The call is given up. */
  abort(reason: unknown): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.();
  }

  /** Calls a function when the call is given up. */
  whenAborted(listener: () => void): void {
    this.#onAbort = listener;
  }
}

import type { NodeContext } from '../../node/index.js';
import { Room } from '../../segment/index.js';

/** Outputs of one item that wait until it is their turn, before their node has to. */
const LIMIT = 16;

interface Assigned {
  readonly timestampUs: number | undefined;
}

interface Output {
  readonly value: unknown;
  /** By the node, before it gave this. */
  readonly assigned: Assigned | undefined;
}

/** After the last output: perhaps a failure. */
type End = { readonly failure: unknown } | { readonly failure?: never };

/** One item on its way through a copy of a node: its outputs, as they come. */
export class Ticket implements AsyncIterableIterator<unknown> {
  readonly number: number;
  readonly item: unknown;
  /** That of the call; not there where it is for no item. */
  readonly context: NodeContext | undefined;
  /** When the item is to be shown or heard, in µs, where that is known. */
  readonly timestampUs: number | undefined;
  /** Called when nobody wants its outputs any more; whoever works on it replaces this. */
  onAbandoned: () => void;
  /** Before it was given to a copy, and after all that was given to that before. */
  stamp = 0;
  readonly #outputs: Output[] = [];
  /** Holds for the outputs that come from now on. */
  #assigned: Assigned | undefined;
  readonly #room: Room = new Room();
  /** Freed when there is something to take. */
  readonly #news: Room = new Room();
  #end: End | undefined;
  #isAbandoned = false;

  constructor(number: number, item: unknown, context: NodeContext | undefined, onAbandoned: () => void) {
    this.number = number;
    this.item = item;
    this.context = context;
    this.timestampUs = context?.timestampUs;
    this.onAbandoned = onAbandoned;
    // A failure policy that waits for the next output passes an interruption on only when that has come.
    context?.signal.addEventListener('abort', this.#abandon, { once: true });
  }

  /** Whether nobody wants its outputs any more. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Takes an output; a promise where there is no room for another one. */
  give(output: unknown): Promise<void> | undefined {
    if (this.#isAbandoned) return undefined;
    this.#outputs.push({ value: output, assigned: this.#assigned });
    this.#news.free();
    return this.#outputs.length < LIMIT ? undefined : this.#room.wait();
  }

  /** Outputs that come from now on have this presentation time, in µs. */
  assign(timestampUs: number | undefined): void {
    this.#assigned = { timestampUs };
  }

  /** There are no more outputs. */
  end(): void {
    this.#endWith({});
  }

  /** There are no more outputs, because of this. */
  fail(failure: unknown): void {
    this.#endWith({ failure });
  }

  #endWith(end: End): void {
    this.#end ??= end;
    this.context?.signal.removeEventListener('abort', this.#abandon);
    this.#news.free();
  }

  async next(): Promise<IteratorResult<unknown>> {
    for (;;) {
      const output = this.#outputs.shift();
      if (output !== undefined) {
        const { value, assigned } = output;
        this.#room.free();
        // The stage gives it on with what the context says now.
        if (assigned !== undefined && this.context !== undefined)
          this.context.timestampUs = assigned.timestampUs;
        return { done: false, value };
      }
      if (this.#end !== undefined) {
        if ('failure' in this.#end) throw this.#end.failure;
        return { done: true, value: undefined };
      }
      await this.#news.wait();
    }
  }

  /** Nobody wants the rest. */
  return(): Promise<IteratorResult<unknown>> {
    if (!this.#isAbandoned && this.#end === undefined) {
      this.#isAbandoned = true;
      this.onAbandoned();
    }
    this.#outputs.length = 0;
    this.#room.free();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  readonly #abandon = (): void => {
    void this.return();
  };

  [Symbol.asyncIterator](): this {
    return this;
  }
}

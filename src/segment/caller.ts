import { describeCause } from '../errors/index.js';
import {
  isManyOutputs,
  isThenable,
  standInOf,
  type AnyNode,
  type Gate,
  type NodeContext,
} from '../node/index.js';
import type { Process } from './followed.js';
import { ItemContext } from './item-context.js';
import { Room } from './room.js';
import type { RunState } from './run-state.js';
import type { Tag } from './tag.js';
import { Timing } from './timing.js';
import { Waits } from './waits.js';

/** What gives outputs one after the other. */
export type OutputIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** What became of a call. */
export type Outcome =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'many'; readonly iterator: OutputIterator; readonly after: Promise<void> | undefined }
  | { readonly kind: 'error'; readonly error: unknown };

/** A call that was given up. One that gives nothing by itself has an outcome of its own. */
export const NO_OUTPUT: Outcome = { kind: 'result', value: undefined };

/** What a {@link Caller} calls. */
export interface Callee {
  readonly id: string;
  readonly node: AnyNode;
  readonly process: Process;
  readonly context: NodeContext;
  readonly gate: Gate;
  readonly concurrency: number;
  /** How long calls take, where that is measured. */
  readonly timing: Timing | null;
  /** Says to whoever watches that its code runs now. */
  noteEntered(): void;
  /** A promise has settled: another call may begin. */
  onSettled(): void;
}

/** The calls of one node's `process` that are not over when it has returned. */
export class Caller {
  /** How many there are. */
  active = 0;
  /** What the node is waited for, where that is watched. */
  readonly waits: Waits | null;
  /** Freed whenever one is over. */
  readonly over: Room = new Room();
  readonly #callee: Callee;
  readonly #run: RunState;
  /** Those of the calls, where items have tags. */
  #contexts: Set<ItemContext> | undefined;

  constructor(callee: Callee, run: RunState) {
    this.#callee = callee;
    this.#run = run;
    // Those for which a node stands are watched where they are.
    const isWatched = run.watch !== undefined && standInOf(callee.node) === undefined;
    this.waits = isWatched ? new Waits() : null;
  }

  /** A call that was made directly goes on. */
  begin(context: ItemContext | null): void {
    const { concurrency, gate } = this.#callee;
    if (concurrency === 1) void gate.enter(this.#run);
    this.active++;
    if (context !== null) this.#keep(context);
  }

  #keep(context: ItemContext): void {
    (this.#contexts ??= new Set()).add(context);
  }

  /** What a call for an item with this tag is given; `null` where items have none. */
  contextFor(tag: Tag | undefined): ItemContext | null {
    if (!this.#run.isTagged) return null;
    const context = new ItemContext(this.#callee.id, this.#run);
    context.tag = tag;
    this.#keep(context);
    return context;
  }

  /** Calls the node for an item as soon as it is free for this run. */
  start(
    value: unknown,
    index: number,
    context: ItemContext | null,
    owner: object,
  ): Promise<Outcome> | Outcome {
    this.active++;
    const { concurrency, gate } = this.#callee;
    const entered = concurrency === 1 ? gate.enter(this.#run, owner) : undefined;
    return entered === undefined
      ? this.#call(value, index, context)
      : this.#callOnceIn(entered, value, index, context);
  }

  async #callOnceIn(
    entered: Promise<boolean>,
    value: unknown,
    index: number,
    context: ItemContext | null,
  ): Promise<Outcome> {
    if (await entered) return this.#call(value, index, context);
    this.active--;
    if (context !== null) this.#contexts?.delete(context);
    this.over.free();
    return NO_OUTPUT;
  }

  #call(value: unknown, index: number, context: ItemContext | null): Promise<Outcome> | Outcome {
    if (this.#run.isCancelled || context?.isStale === true) {
      this.finish(context);
      return NO_OUTPUT;
    }
    const { node, process, timing, context: shared } = this.#callee;
    this.#run.tag = context?.tag;
    this.#callee.noteEntered();
    try {
      const result =
        timing !== null && Timing.isMeasured(index)
          ? this.timedProcess(value, timing, context ?? shared)
          : process.call(node, value, context ?? shared);
      return isThenable(result) ? this.outcomeOf(result, context, index) : this.#settled(result, context);
    } catch (error) {
      this.finish(context);
      return { kind: 'error', error };
    }
  }

  timedProcess(value: unknown, timing: Timing, context: NodeContext): unknown {
    const { node, process } = this.#callee;
    const start = performance.now();
    let result: unknown;
    try {
      result = process.call(node, value, context);
    } catch (error) {
      timing.add(performance.now() - start);
      throw error;
    }
    if (typeof result === 'object' && result !== null) return timing.addOutcome(start, result);
    timing.add(performance.now() - start);
    return result;
  }

  /** The outcome of a promise; none as soon as the call is interrupted. */
  outcomeOf(result: PromiseLike<unknown>, context: ItemContext | null, index: number): Promise<Outcome> {
    const settled = this.#settle(result, context, index);
    if (context === null) return settled;
    return new Promise((resolve) => {
      context.whenAborted(() => {
        resolve(NO_OUTPUT);
      });
      void settled.then(resolve);
    });
  }

  async #settle(result: PromiseLike<unknown>, context: ItemContext | null, index: number): Promise<Outcome> {
    const wait = this.waits?.begin(index);
    try {
      return this.#settled(await result, context);
    } catch (error) {
      this.finish(context);
      if (context?.isStale === true) this.forget(error);
      return { kind: 'error', error };
    } finally {
      if (wait !== undefined) this.waits?.end(wait);
      this.#callee.onSettled();
    }
  }

  #settled(value: unknown, context: ItemContext | null): Outcome {
    if (typeof value === 'object' && value !== null && isManyOutputs(value)) {
      if (context?.isStale !== true) return { kind: 'many', iterator: value, after: undefined };
      this.closeAndFinish(value, context);
      return NO_OUTPUT;
    }
    this.finish(context);
    return { kind: 'result', value };
  }

  /** A call is over. */
  finish(context: ItemContext | null): void {
    this.active--;
    if (context !== null) this.#contexts?.delete(context);
    const { concurrency, gate } = this.#callee;
    if (concurrency === 1) gate.leave();
    this.over.free();
  }

  /** The call of a generator that was interrupted is over once that is closed; nobody waits for it. */
  closeAndFinish(iterator: OutputIterator, context: ItemContext | null): void {
    const close = async (): Promise<void> => {
      try {
        await iterator.return?.();
      } catch (error) {
        this.forget(error);
      }
      this.finish(context);
    };
    void close();
  }

  /** What a promise gives, or `undefined` as soon as the call is interrupted. */
  unlessInterrupted<T>(answer: PromiseLike<T>, context: ItemContext | null): PromiseLike<T | undefined> {
    const wait = this.waits?.begin();
    if (context === null && wait === undefined) return answer;
    return new Promise((resolve, reject) => {
      context?.whenAborted(() => {
        resolve(undefined);
      });
      answer.then(
        (value) => {
          if (wait !== undefined) this.waits?.end(wait);
          resolve(value);
        },
        (error: unknown) => {
          if (wait !== undefined) this.waits?.end(wait);
          if (context?.isStale === true) this.forget(error);
          else reject(error);
        },
      );
    });
  }

  /** Nobody wants to know any more. */
  forget(error: unknown): void {
    this.#run.logger.debug(
      `node "${this.#callee.id}" failed after it had been interrupted: ${describeCause(error)}`,
    );
  }

  /** The run is cancelled. */
  abort(): void {
    for (const context of this.#contexts ?? []) context.abort(this.#run.cancelReason);
  }

  /** Gives up what has become stale. */
  interrupt(): void {
    for (const context of this.#contexts ?? []) if (context.isStale) context.abort(this.#run.interruption);
  }
}

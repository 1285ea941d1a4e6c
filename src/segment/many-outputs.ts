import { isThenable, type Gate } from '../node/index.js';
import type { Caller, OutputIterator } from './caller.js';
import type { ItemContext } from './item-context.js';
import { closeIterator } from './iterators.js';
import { Pace } from './pace.js';
import type { RunState } from './run-state.js';

/** A stage whose node gives many outputs for an item. */
export interface Giver {
  readonly id: string;
  readonly gate: Gate;
  readonly caller: Caller;
  /** Whether nothing more is wanted of it. */
  readonly isDead: boolean;
  /** Passes on an output; a promise where there is no room for another one yet. */
  emit(value: unknown, context: ItemContext | null): Promise<void> | undefined;
}

/** Passes on what generators of one node give. */
export class ManyOutputs {
  readonly #stage: Giver;
  readonly #run: RunState;
  readonly #pace: Pace = new Pace();

  constructor(stage: Giver, run: RunState) {
    this.#stage = stage;
    this.#run = run;
  }

  /** Gives what has to be waited for before the generator may go on, or `undefined` once it is at its end. */
  passOnNow(iterator: Iterator<unknown>, context: ItemContext | null): Promise<void> | undefined {
    for (;;) {
      const step = iterator.next();
      if (step.done === true) return undefined;
      const wait = this.#emit(iterator, step.value, context);
      if (wait !== undefined) return wait;
      if (this.#pace.isTurnDue()) return this.#pace.turn();
      if (this.#stage.isDead || context?.isStale === true) return Promise.resolve();
    }
  }

  /**
   * Passes on all outputs of a call.
   *
   * @param after - waited for before the generator may go on
   */
  async passOn(
    iterator: OutputIterator,
    after: Promise<void> | undefined,
    context: ItemContext | null,
  ): Promise<void> {
    const { id, caller } = this.#stage;
    let isInterrupted = false;
    try {
      if (after !== undefined) await this.#waitInside(after);
      isInterrupted = await this.drain(iterator, context);
    } finally {
      if (isInterrupted) {
        this.#run.lose(id, context?.tag);
        caller.closeAndFinish(iterator, context);
      } else caller.finish(context);
    }
  }

  /** Passes on all outputs. Whether that was interrupted, and the generator is still to be closed. */
  async drain(iterator: OutputIterator, context: ItemContext | null): Promise<boolean> {
    const stage = this.#stage;
    for (;;) {
      if (stage.isDead) {
        this.#run.lose(stage.id, context?.tag);
        await iterator.return?.();
        return false;
      }
      if (context?.isStale === true) return true;
      const answer = iterator.next();
      const step = isThenable(answer) ? await stage.caller.unlessInterrupted(answer, context) : answer;
      if (step === undefined) continue;
      if (step.done === true) return false;
      // It may have died meanwhile.
      if (this.#stage.isDead) continue;
      const wait = this.#emit(iterator, step.value, context);
      if (wait !== undefined) await this.#waitInside(wait);
      if (this.#pace.isTurnDue()) await this.#pace.turn();
    }
  }

  /** An output that cannot be passed on ends the generator that gave it. */
  #emit(iterator: OutputIterator, value: unknown, context: ItemContext | null): Promise<void> | undefined {
    try {
      return this.#stage.emit(value, context);
    } catch (error) {
      closeIterator(iterator, this.#run);
      throw error;
    }
  }

  /** Waits in the middle of a generator, with which this run holds the instance. */
  #waitInside(room: Promise<void>): Promise<void> {
    const { gate } = this.#stage;
    return gate.holder === this.#run ? gate.waitInside(room) : room;
  }
}

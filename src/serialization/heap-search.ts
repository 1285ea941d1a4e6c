import { SerializationError } from '../errors/index.js';
import { noteContexts, noteSelf } from './contexts.js';
import type { Encoder } from './encoder.js';
import { HeapView } from './heap-view.js';

/** What is made while a value is looked at, as hooks may do, is in no earlier snapshot. */
const SNAPSHOT_LIMIT = 2;
/** With each answer, functions may be met that look alike as well. */
const ROUND_LIMIT = 5;

/** Asks a snapshot of the heap what a pass over a value could not see. One snapshot serves all passes of a call. */
export class HeapSearch {
  /** No snapshot can be taken: what it would have shown stays unseen. */
  isTooLarge = false;
  #view: HeapView | undefined;
  #snapshots = 0;
  #rounds = 0;

  /** Finds what `this` is around a function in the snapshot that was taken for an earlier pass; gives whether it is there. */
  bind(fn: object, likely: Iterable<object>): boolean {
    return this.#view?.bind(fn, likely) ?? false;
  }

  /**
   * Finds what `this` is for arrow functions, and which functions share their variables.
   *
   * @throws SerializationError where functions may or may not share a variable that one of them assigns to
   */
  async resolve(encoder: Encoder): Promise<void> {
    const doubts = encoder.scopes.doubts();
    const [doubt] = doubts;
    if (encoder.unbound.size === 0 && doubt === undefined) return;
    const isStuck = doubt !== undefined && ++this.#rounds > ROUND_LIMIT;
    if (!isStuck) await this.#learnAll(encoder.unbound, new Set(doubts.flatMap((item) => item.functions)));
    if (doubt !== undefined && (isStuck || this.isTooLarge))
      throw refusalOfDoubt(encoder, doubt.variable, this.isTooLarge);
  }

  /** Must be called at the end. */
  close(): void {
    this.#view?.close();
    this.#view = undefined;
  }

  /** What is unbound is bound in the next pass, which knows what it may be bound to. */
  async #learnAll(unbound: ReadonlySet<object>, alike: ReadonlySet<object>): Promise<void> {
    if (unbound.size === 0 && [...alike].every((fn) => this.#view?.learn(fn))) return;
    if (this.#snapshots < SNAPSHOT_LIMIT) {
      this.close();
      this.#snapshots++;
      this.#view = await HeapView.take();
      this.isTooLarge = this.#view === undefined;
    } else {
      for (const fn of unbound) noteSelf(fn, undefined);
    }
    for (const fn of alike)
      if (this.#view?.learn(fn) !== true) noteContexts(fn, { contexts: [], selfId: undefined });
  }
}

function refusalOfDoubt({ settings }: Encoder, variable: string, isTooLarge: boolean): SerializationError {
  return new SerializationError({
    nodeId: settings.node,
    path: '',
    kind: 'an object with functions that look alike',
    reason: `whether they share the variable "${variable}", which one of them assigns to, cannot be seen ${isTooLarge ? 'in a heap of this size' : 'here'}`,
    suggestion: 'Keep what changes in an object that they capture, or in a class.',
  });
}

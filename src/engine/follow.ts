import type { PartNode, SessionOwner } from '../runtime/index.js';
import type { Placement } from './placement.js';

/** A run that another one may go on from: a change of its session begins that one before it has ended. */
export class FollowedRun implements SessionOwner {
  readonly row: readonly [string, number] | undefined;
  readonly controller: AbortController = new AbortController();
  /** Its nodes, in the order of the pipeline; there once they are made. */
  nodes: readonly PartNode[] = [];
  /** What holds these nodes, for this run and those before it. */
  placements: readonly Placement[] = [];
  /** States that have come home, of nodes of any of them, until a run tells of them: the one at whose end they have come. */
  states: Record<string, Uint8Array> = {};
  #followers: FollowedRun[] = [];
  #isKept = false;
  readonly #onWaiting: (() => void) | undefined;
  #begin: () => void = () => undefined;
  readonly #begun = new Promise<void>((resolve) => (this.#begin = resolve));

  /**
   * @param row - its place in a session
   * @param onWaiting - called once all its nodes are initialized; it waits for {@link FollowedRun.begin} then. Without it, it begins by itself.
   */
  constructor(row: readonly [string, number] | undefined, onWaiting: (() => void) | undefined) {
    this.row = row;
    this.#onWaiting = onWaiting;
  }

  /** A run of the same session waits to go on from this one. */
  precede(follower: FollowedRun): void {
    this.#followers.push(follower);
  }

  /** The states that are not told of yet. */
  takeStates(): Record<string, Uint8Array> {
    const taken = { ...this.states };
    for (const id of Object.keys(taken)) Reflect.deleteProperty(this.states, id);
    return taken;
  }

  /** One of them goes on, whatever comes. */
  keep(): void {
    this.#isKept = true;
  }

  /** It may let items in. */
  begin(): void {
    this.#begin();
  }

  beforeStart(): Promise<void> | undefined {
    this.#onWaiting?.();
    return this.#onWaiting === undefined ? undefined : this.#begun;
  }

  onInterrupt(): void {
    // The driver tells the other runs of the session.
  }

  /** It is about to clean up: nodes of a run that does not go on from it must not be held any more. */
  onEnding(failure: unknown): void {
    if (failure === undefined && this.#isKept) return;
    for (const follower of this.#followers)
      follower.controller.abort(new DOMException('The session has ended.', 'AbortError'));
  }
}

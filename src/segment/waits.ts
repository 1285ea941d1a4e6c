/** Something that code of a node is waited for: a promise of its own. */
export interface Wait {
  /** Position of the item in the input of the node, where it is for one. */
  readonly itemIndex: number | undefined;
  /** When whoever watches has first seen it, by `performance.now()`. */
  seenAt?: number;
  isReported?: boolean;
}

/** The promises of one node that have not settled, where its run is watched. What waits for other nodes is none of them. */
export class Waits {
  readonly #open: Wait[] = [];

  begin(itemIndex?: number): Wait {
    const wait: Wait = { itemIndex };
    this.#open.push(wait);
    return wait;
  }

  end(wait: Wait): void {
    const index = this.#open.indexOf(wait);
    const last = this.#open.pop();
    if (last !== undefined && last !== wait) this.#open[index] = last;
  }

  /** Calls a function once for each that was there at a look at least that long ago. */
  look(now: number, limitMs: number, report: OnLongWait): void {
    for (const wait of this.#open) lookAt(wait, now, limitMs, report);
  }
}

/** Takes what has been waited for too long. */
export type OnLongWait = (wait: Wait, forMs: number) => void;

/** What of a stage is watched from outside. */
export interface WatchableStage {
  readonly id: string;
  readonly node: object;
  entered: Int32Array | null;
  place: number;
  /** Calls `report` for what its node has been waited for at least that long, once for each. */
  look(now: number, limitMs: number, report: OnLongWait): void;
}

/** Calls a function once for what was there at a look at least that long ago. */
export function lookAt(wait: Wait, now: number, limitMs: number, report: OnLongWait): void {
  wait.seenAt ??= now;
  if (wait.isReported === true || now - wait.seenAt < limitMs) return;
  wait.isReported = true;
  report(wait, now - wait.seenAt);
}

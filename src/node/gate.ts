/**
 * Keeps two runs that share an instance from being inside its `process` at once. The same run may enter again: a generator that is
 * being read may feed, further down, the same object at another place.
 */
export class Gate {
  /** The run that is inside, or `null`; read directly on the hot path. */
  holder: object | null = null;
  #depth = 0;
  readonly #waiting: { run: object; enter: () => void }[] = [];

  /** Enters at once, or gives a promise that resolves once the run is inside. */
  enter(run: object): Promise<void> | undefined {
    if (this.holder === null || this.holder === run) {
      this.holder = run;
      this.#depth++;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push({ run, enter: resolve });
    });
  }

  /** Leaves; the run that has waited longest goes in. */
  leave(): void {
    if (--this.#depth > 0) return;
    const next = this.#waiting.shift();
    this.holder = next?.run ?? null;
    if (next === undefined) return;
    this.#depth = 1;
    next.enter();
  }
}

const gates = new WeakMap<object, Gate>();

/** The gate of an instance, the same for all runs. */
export function gateOf(node: object): Gate {
  let gate = gates.get(node);
  if (gate === undefined) gates.set(node, (gate = new Gate()));
  return gate;
}

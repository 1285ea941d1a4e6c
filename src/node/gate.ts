interface Waiting {
  readonly run: object;
  readonly owner: object;
  readonly enter: (isInside: boolean) => void;
}

/**
 * Keeps two runs that share an instance from being inside its `process` at once. The same run may enter again: a generator that is
 * being read may feed, further down, the same object at another place.
 */
export class Gate {
  /** The run that is inside, or `null`; read directly on the hot path. */
  holder: object | null = null;
  #depth = 0;
  #waiting: Waiting[] = [];

  /**
   * Enters at once, or gives a promise that resolves once the run is inside: to `true`, or to `false` where it was given up.
   *
   * @param owner - who waits, for {@link Gate.giveUp}
   */
  enter(run: object, owner: object = run): Promise<boolean> | undefined {
    if (this.holder === null || this.holder === run) {
      this.holder = run;
      this.#depth++;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push({ run, owner, enter: resolve });
    });
  }

  /** Leaves; the run that has waited longest goes in, at all the places where it waits: one may depend on another. */
  leave(): void {
    if (--this.#depth > 0) return;
    const run = this.#waiting[0]?.run ?? null;
    this.holder = run;
    if (run === null) return;
    const entering = this.#waiting.filter((waiting) => waiting.run === run);
    this.#waiting = this.#waiting.filter((waiting) => waiting.run !== run);
    this.#depth = entering.length;
    for (const { enter } of entering) enter(true);
  }

  /** Whoever waits for this owner need not wait any longer. */
  giveUp(owner: object): void {
    if (this.#waiting.length === 0) return;
    const leaving = this.#waiting.filter((waiting) => waiting.owner === owner);
    this.#waiting = this.#waiting.filter((waiting) => waiting.owner !== owner);
    for (const { enter } of leaving) enter(false);
  }
}

const gates = new WeakMap<object, Gate>();

/** The gate of an instance, the same for all runs. */
export function gateOf(node: object): Gate {
  let gate = gates.get(node);
  if (gate === undefined) gates.set(node, (gate = new Gate()));
  return gate;
}

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
  /** The run that is inside waits, in the end, for one that waits here. */
  #isPressed = false;
  readonly #onPress = new Set<() => void>();

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
      gatesBefore(run).add(this);
      if (this.holder !== null && waitsFor(this.holder, run)) this.#press();
    });
  }

  /**
   * Waits as the run that is inside, for room behind a generator of this instance. Two runs may share several instances in different
   * orders: where one waits for the other that way and the other waits here, it waits no longer.
   */
  waitInside(room: Promise<void>): Promise<void> {
    if (this.#isPressed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        this.#onPress.delete(goOn);
        resolve();
      };
      this.#onPress.add(goOn);
      room.then(goOn, reject);
    });
  }

  /** Leaves; the run that has waited longest goes in, at all the places where it waits: one may depend on another. */
  leave(): void {
    if (--this.#depth > 0) return;
    this.#isPressed = false;
    const run = this.#waiting[0]?.run ?? null;
    this.holder = run;
    if (run === null) return;
    const entering = this.#waiting.filter((waiting) => waiting.run === run);
    this.#waiting = this.#waiting.filter((waiting) => waiting.run !== run);
    this.#depth = entering.length;
    gatesBefore(run).delete(this);
    for (const { enter } of entering) enter(true);
    // Those that still wait now wait for another run, which may be waiting for one of them at another gate.
    if (this.#waiting.some((waiting) => waitsFor(run, waiting.run))) this.#press();
  }

  /** Whoever waits for this owner need not wait any longer. */
  giveUp(owner: object): void {
    if (this.#waiting.length === 0) return;
    const leaving = this.#waiting.filter((waiting) => waiting.owner === owner);
    this.#waiting = this.#waiting.filter((waiting) => waiting.owner !== owner);
    for (const { run, enter } of leaving) {
      if (!this.#waiting.some((waiting) => waiting.run === run)) gatesBefore(run).delete(this);
      enter(false);
    }
  }

  #press(): void {
    this.#isPressed = true;
    for (const goOn of this.#onPress) goOn();
  }
}

/** The gates at which a run waits. */
const awaited = new WeakMap<object, Set<Gate>>();

function gatesBefore(run: object): Set<Gate> {
  let waitingAt = awaited.get(run);
  if (waitingAt === undefined) awaited.set(run, (waitingAt = new Set()));
  return waitingAt;
}

/** Whether a run waits for another one, or for one that does. */
function waitsFor(run: object, other: object, seen = new Set<object>([run])): boolean {
  for (const { holder } of gatesBefore(run)) {
    if (holder === other) return true;
    if (holder === null || seen.has(holder)) continue;
    seen.add(holder);
    if (waitsFor(holder, other, seen)) return true;
  }
  return false;
}

const gates = new WeakMap<object, Gate>();

/** The gate of an instance, the same for all runs. */
export function gateOf(node: object): Gate {
  let gate = gates.get(node);
  if (gate === undefined) gates.set(node, (gate = new Gate()));
  return gate;
}

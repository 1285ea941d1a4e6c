const MOST_UNCHECKED = 32;
const MAX_STRETCH_MS = 10;
/** Steps that took longer than this together are few from now on before the clock is looked at again. */
const SLOW_MS = 2;

/**
 * Keeps a long loop of sync work from starving the process: counts steps, looks at the clock now and then, and asks for a turn of the
 * macrotask queue when 10 ms have passed.
 */
export class Pace {
  #unchecked = 1;
  #left = 1;
  #checkedAt = Date.now();
  #since: number = this.#checkedAt;

  /** Whether it is time to let the event loop turn: `await turn()`, then go on. */
  isTurnDue(): boolean {
    if (--this.#left > 0) return false;
    const now = Date.now();
    const isSlow = now - this.#checkedAt > SLOW_MS;
    this.#unchecked = isSlow ? 1 : Math.min(2 * this.#unchecked, MOST_UNCHECKED);
    this.#left = this.#unchecked;
    this.#checkedAt = now;
    if (now - this.#since < MAX_STRETCH_MS) return false;
    this.#since = now;
    return true;
  }

  /** One turn of the macrotask queue: timers, sockets and signals get their chance. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = this.#checkedAt = Date.now();
  }
}

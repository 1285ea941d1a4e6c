const CHECK_MASK = 31;
const MAX_STRETCH_MS = 10;

/**
 * Keeps a long loop of sync work from starving the process: counts steps, looks at the clock now and then, and asks for a turn of the
 * macrotask queue when 10 ms have passed.
 */
export class Pace {
  #steps = 0;
  #since = Date.now();

  /** Whether it is time to let the event loop turn: `await nextTurn()`, then go on. */
  isTurnDue(): boolean {
    if ((++this.#steps & CHECK_MASK) !== 0) return false;
    const now = Date.now();
    if (now - this.#since < MAX_STRETCH_MS) return false;
    this.#since = now;
    return true;
  }

  /** One turn of the macrotask queue: timers, sockets and signals get their chance. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = Date.now();
  }
}

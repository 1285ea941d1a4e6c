/**
 * Tells those that are still interested of a host's death. A promise would keep everybody who has ever waited for it, and a kept host serves
 * many runs.
 */
export class DeathWatch {
  readonly #listeners = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** @param death - resolves with the error that says how the host has ended */
  constructor(death: Promise<Error>) {
    void death.then((error) => {
      this.#error = error;
      for (const listener of this.#listeners) listener(error);
      this.#listeners.clear();
    });
  }

  /** How many are interested. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Calls `listener` once, when the host dies or, where it has died already, soon; gives a function that takes that back. */
  add(listener: (error: Error) => void): () => void {
    const error = this.#error;
    // Each call counts by itself, also where the function is the same.
    const once = (reason: Error): void => {
      listener(reason);
    };
    this.#listeners.add(once);
    if (error !== undefined)
      queueMicrotask(() => {
        if (this.#listeners.delete(once)) once(error);
      });
    return () => this.#listeners.delete(once);
  }
}

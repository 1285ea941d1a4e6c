/** What those who push wait for while a bounded place is full. */
export class Room {
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  /** Resolves as soon as there is room; all who wait at the same time share one promise. */
  wait(): Promise<void> {
    this.#promise ??= new Promise((resolve) => (this.#resolve = resolve));
    return this.#promise;
  }

  /** There is room: lets go all who wait. */
  free(): void {
    this.#resolve?.();
    this.#resolve = undefined;
    this.#promise = undefined;
  }
}

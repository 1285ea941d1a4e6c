import type { Logger } from '../../logging/index.js';
import type { DeadLetter } from '../../segment/index.js';

/** How many wait for a reader. */
const MOST_KEPT = 1000;

/** The dead letters of a session: told, and kept for whoever reads them. */
export class DeadLetterQueue implements AsyncIterableIterator<DeadLetter> {
  readonly #tell: ((letter: DeadLetter) => void) | undefined;
  readonly #logger: Logger;
  /** Neither list is there before it is needed: most sessions have no dead letters. */
  #kept: DeadLetter[] | undefined;
  #readers: ((step: IteratorResult<DeadLetter>) => void)[] | undefined;
  #hasEnded = false;
  #isRead = false;

  constructor(tell: ((letter: DeadLetter) => void) | undefined, logger: Logger) {
    this.#tell = tell;
    this.#logger = logger;
  }

  /** Takes one; it is logged where nobody has asked for them so far. */
  take(letter: DeadLetter): void {
    const reader = this.#readers?.shift();
    if (reader !== undefined) reader({ done: false, value: letter });
    else if ((this.#kept ??= []).push(letter) > MOST_KEPT) this.#kept.shift();
    if (this.#tell !== undefined) this.#tell(letter);
    else if (!this.#isRead) this.#logger.warn(`${letter.error.message}; the item was skipped`);
  }

  /** There will be no more. */
  end(): void {
    this.#hasEnded = true;
    for (const reader of this.#readers?.splice(0) ?? []) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<DeadLetter>> {
    this.#isRead = true;
    const letter = this.#kept?.shift();
    if (letter !== undefined) return Promise.resolve({ done: false, value: letter });
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => (this.#readers ??= []).push(resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

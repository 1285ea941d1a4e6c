const REDRAW_MS = 100;

/** How far a run is. */
export interface RunCounts {
  /** Items that were taken from the input; `undefined` where the pipeline has its own. */
  itemsIn: number | undefined;
  itemsOut: number;
}

/** How a run ended; `unread` where nobody reads the outputs any more, as with `| head`. */
export type Outcome = 'done' | 'failed' | 'cancelled' | 'unread';

/** Shows on stderr how far a run is: one line that is rewritten on a terminal, else one line at the end. */
export class Progress {
  readonly #counts: RunCounts;
  readonly #startedAt: number = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  /** Outputs go to the same terminal, so the line has to make room for them. */
  readonly #sharesTerminal: boolean;
  #isDrawn = false;

  constructor(counts: RunCounts, options: { readonly writesToStdout: boolean }) {
    this.#counts = counts;
    this.#sharesTerminal = options.writesToStdout && process.stdout.isTTY;
    if (process.stderr.isTTY) this.#timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
  }

  /** To be called before anything else is written to the terminal. */
  makeRoom(): void {
    if (this.#sharesTerminal) this.#clear();
  }

  /** Ends the display and says how it went. */
  end(outcome: Outcome): void {
    clearInterval(this.#timer);
    this.#clear();
    const hasRun = (this.#counts.itemsIn ?? 0) + this.#counts.itemsOut > 0;
    if (outcome !== 'unread' && (outcome !== 'failed' || hasRun))
      process.stderr.write(`remotemedia: ${outcome}: ${this.#text()}\n`);
  }

  #draw(): void {
    process.stderr.write(`\r\x1b[K${this.#text()}`);
    this.#isDrawn = true;
  }

  #clear(): void {
    if (this.#isDrawn) process.stderr.write('\r\x1b[K');
    this.#isDrawn = false;
  }

  #text(): string {
    const { itemsIn, itemsOut } = this.#counts;
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    const given = itemsIn === undefined ? '' : `${count(itemsIn)} in, `;
    return `${given}${count(itemsOut)} out, ${seconds} s`;
  }
}

function count(items: number): string {
  return `${items.toLocaleString('en-US')} ${items === 1 ? 'item' : 'items'}`;
}

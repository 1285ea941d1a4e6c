import { HostDiedError } from '../../errors/index.js';
import type { DeadLetter, LossReason, OnLoss, Tag } from '../../segment/index.js';
import { SessionAccount, type Ending, type RawLoss } from './session-account.js';

/** Rows of a table before it grows. */
const FIRST_ROWS = 64;

/**
 * What became of each input of a session, as it is told. Inputs are found by their stamps, which ascend. It takes 12 bytes for an input, and
 * 8 for each item that has come to nothing.
 */
export class Ledger {
  #stamps = new Float64Array(FIRST_ROWS);
  #outputs = new Uint32Array(FIRST_ROWS);
  #count = 0;
  /** For each item that has come to nothing its input, and where and why. */
  #lostInputs = new Uint32Array(FIRST_ROWS);
  #lostPlaces = new Uint32Array(FIRST_ROWS);
  #lostCount = 0;
  readonly #places: RawLoss[] = [];
  readonly #placeNumbers = new Map<string, number>();
  /** Those that are known, by the number of the loss. */
  readonly #errors = new Map<number, unknown>();
  readonly #others = { outputs: 0, lost: 0 };
  #ending: Ending | undefined;

  /** An item is written. */
  add({ stamp }: Tag): void {
    if (this.#count === this.#stamps.length) {
      this.#stamps = grown(this.#stamps, new Float64Array(2 * this.#count));
      this.#outputs = grown(this.#outputs, new Uint32Array(2 * this.#count));
    }
    this.#stamps[this.#count++] = stamp;
  }

  /** An output is read. */
  readonly gave = (tag: Tag | undefined): void => {
    const input = this.indexOf(tag?.stamp);
    if (input < 0) this.#others.outputs++;
    else this.#outputs[input] = (this.#outputs[input] ?? 0) + 1;
  };

  /** An item has come to nothing. */
  readonly lose: OnLoss = (nodeId, stamp, reason) => {
    this.#lose(nodeId, stamp, reason);
  };

  /** An item was given up; the same letter, which says from which input that came. */
  letter(letter: DeadLetter, stamp: number | undefined): DeadLetter {
    const { nodeId, error } = letter;
    const reason = error.cause instanceof HostDiedError ? 'lost' : 'dead-letter';
    this.#lose(nodeId, stamp, reason, error);
    return { ...letter, inputIndex: this.indexOf(stamp) };
  }

  #lose(nodeId: string, stamp: number | undefined, reason: LossReason, error?: unknown): void {
    const input = this.indexOf(stamp);
    if (input < 0) {
      if (reason !== 'unknown') this.#others.lost++;
      return;
    }
    if (this.#lostCount === this.#lostInputs.length) {
      this.#lostInputs = grown(this.#lostInputs, new Uint32Array(2 * this.#lostCount));
      this.#lostPlaces = grown(this.#lostPlaces, new Uint32Array(2 * this.#lostCount));
    }
    if (error !== undefined) this.#errors.set(this.#lostCount, error);
    this.#lostInputs[this.#lostCount] = input;
    this.#lostPlaces[this.#lostCount++] = this.#placeNumber(nodeId, reason);
  }

  #placeNumber(nodeId: string, reason: LossReason): number {
    const key = `${reason} ${nodeId}`;
    const known = this.#placeNumbers.get(key);
    if (known !== undefined) return known;
    this.#placeNumbers.set(key, this.#places.length);
    return this.#places.push({ nodeId, reason }) - 1;
  }

  /** Position of the input with this stamp among all, from 0; -1 where there is none. */
  indexOf(stamp: number | undefined): number {
    if (stamp === undefined) return -1;
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = this.#stamps[middle] ?? 0;
      if (at === stamp) return middle;
      if (at < stamp) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The session is over: nothing of it is under way any more. */
  close(ending: Ending): void {
    this.#ending = ending;
  }

  /**
   * What is known by now.
   *
   * @param unread - of the outputs that can still be read
   */
  account(unread: readonly (Tag | undefined)[]): SessionAccount {
    const losses = Array.from({ length: this.#lostCount }, (_, number) => ({
      inputIndex: this.#lostInputs[number] ?? 0,
      error: this.#errors.get(number),
      ...(this.#places[this.#lostPlaces[number] ?? 0] as RawLoss),
    }));
    return new SessionAccount({
      outputs: this.#outputs.slice(0, this.#count),
      losses,
      others: { ...this.#others },
      unread: new Set(unread.map((tag) => this.indexOf(tag?.stamp))),
      ending: this.#ending,
    });
  }
}

function grown<T extends Float64Array | Uint32Array>(table: T, larger: T): T {
  larger.set(table);
  return larger;
}

import type { LossReason } from '../../segment/index.js';

/** Where an item has come to nothing, and why. */
export interface RawLoss {
  readonly nodeId: string;
  readonly reason: LossReason;
}

/** How a session has ended. */
export interface Ending {
  /** What it means for what was still under way; `undefined` where the session has ended by itself, with nothing under way. */
  readonly reason: 'cancelled' | 'failed' | undefined;
  readonly error: unknown;
  /** A host has ended, or does not answer: what was in it is not known, and counts as lost for this reason. */
  readonly unclear: 'cancelled' | 'failed' | 'lost' | undefined;
}

/** What a {@link SessionAccount} is made from. */
interface Entries {
  readonly outputs: Uint32Array;
  readonly losses: readonly (RawLoss & { readonly inputIndex: number; readonly error: unknown })[];
  readonly others: { readonly outputs: number; readonly lost: number };
  /** Inputs of outputs that can still be read. */
  readonly unread: ReadonlySet<number>;
  readonly ending: Ending | undefined;
}

/** Items that have come to nothing: those that came from one input, were given up at one place and for one reason. */
export interface Loss {
  /** Which input, from 0, in the order in which they were written. */
  readonly inputIndex: number;
  /** Id of the node that had them, or in front of which they were; `(input)` and `(output)` are the ends of the session, `undefined` is not known. */
  readonly nodeId: string | undefined;
  /**
   * - `dropped`: by the limits of a queue, by a node that brings inputs together and found no others, or because nodes want no more;
   * - `interrupted`: by an interruption;
   * - `dead-letter`: a node with the failure policy `skip` failed for it;
   * - `failed`: a node failed for it, which ended the session, or it was still under way then;
   * - `cancelled`: it was still under way when the session was cancelled;
   * - `lost`: its host died.
   */
  readonly reason: 'dropped' | 'interrupted' | 'dead-letter' | 'failed' | 'cancelled' | 'lost';
  /** How many: a node may have made several of the input. */
  readonly items: number;
  /** How many outputs of this input were read all the same. */
  readonly outputs: number;
  /** That of the dead letter, or what has ended the session. */
  readonly error: unknown;
}

/**
 * What became of an input.
 *
 * - `answered`: an output was read that came of it. An output that was made of several inputs counts for the last of them.
 * - `lost`: none was, and items that came of it have come to nothing.
 * - `silent`: none was, and nothing was lost: nodes gave nothing for it, or keep it.
 * - `pending`: none of these yet.
 */
export type Fate = 'answered' | 'lost' | 'silent' | 'pending';

/** What became of one input. */
export interface InputAccount {
  /** In which group it is. */
  readonly fate: Fate;
  /** How many outputs were read that came of it. */
  readonly outputs: number;
  /** What of it has come to nothing; of an answered input, too. */
  readonly losses: readonly Loss[];
}

/**
 * What became of each input of a session, at one moment. Each one is either answered, lost, silent or pending; once the session is over and
 * its outputs are read, none is pending.
 */
export class SessionAccount {
  /** How many items were written. */
  readonly inputs: number;
  /** How many of them have the {@link Fate} `answered`. */
  readonly answered: number = 0;
  /** How many of them are `lost`. */
  readonly lost: number = 0;
  /** How many of them are `silent`. */
  readonly silent: number = 0;
  /** How many of them are `pending`. */
  readonly pending: number = 0;
  /** All that has come to nothing, in the order of the inputs. */
  readonly losses: readonly Loss[];
  /** What did not come from inputs. */
  readonly others: {
    /** How many outputs of source nodes and of `flush` were read. */
    readonly outputs: number;
    /** How many items of theirs have come to nothing. */
    readonly lost: number;
  };
  readonly #entries: Entries;
  readonly #lossesByInput: ReadonlyMap<number, readonly Loss[]>;

  /** @internal */
  constructor(entries: Entries) {
    this.#entries = entries;
    this.inputs = entries.outputs.length;
    this.others = entries.others;
    this.#lossesByInput = this.#group();
    const losses: Loss[] = [];
    for (let input = 0; input < this.inputs; input++) {
      this[this.#fate(input)]++;
      losses.push(...(this.#lossesByInput.get(input) ?? []));
    }
    this.losses = losses;
  }

  /**
   * What became of one input.
   *
   * @param inputIndex - which one, from 0, in the order in which they were written
   * @throws RangeError where so many have not been written
   */
  of(inputIndex: number): InputAccount {
    const outputs = this.#entries.outputs[inputIndex];
    if (outputs === undefined) {
      throw new RangeError(
        `The session has ${String(this.inputs)} inputs, counted from 0; there is no input ${String(inputIndex)}.`,
      );
    }
    return { fate: this.#fate(inputIndex), outputs, losses: this.#lossesByInput.get(inputIndex) ?? [] };
  }

  #fate(input: number): Fate {
    if ((this.#entries.outputs[input] ?? 0) > 0) return 'answered';
    if (this.#lossesByInput.has(input)) return 'lost';
    return this.#entries.ending === undefined || this.#entries.unread.has(input) ? 'pending' : 'silent';
  }

  #group(): Map<number, Loss[]> {
    const { losses, outputs, ending, unread } = this.#entries;
    const groups = new Map<number, Loss[]>();
    for (const { inputIndex, nodeId, reason, error } of losses) {
      if (reason !== 'unknown') this.#add(groups, inputIndex, nodeId, this.#meant(reason), error);
    }
    // What may have been done with counts only where nothing else is known.
    for (const { inputIndex, nodeId, reason } of losses) {
      const isOpen = outputs[inputIndex] === 0 && !unread.has(inputIndex) && !groups.has(inputIndex);
      if (reason === 'unknown' && isOpen)
        this.#add(groups, inputIndex, nodeId, this.#meant(reason), undefined);
    }
    if (ending?.unclear === undefined) return groups;
    for (const [input, count] of outputs.entries()) {
      if (count === 0 && !unread.has(input) && !groups.has(input))
        this.#add(groups, input, undefined, ending.unclear, undefined);
    }
    return groups;
  }

  /** What was under way at the end is lost by that; without one, because nodes want no more. */
  #meant(reason: LossReason): Loss['reason'] {
    if (reason !== 'ended' && reason !== 'unknown') return reason;
    const { ending } = this.#entries;
    // What was on its way to a host that has died was in it, or near.
    const ofHost = reason === 'unknown' ? ending?.unclear : undefined;
    return ofHost ?? ending?.reason ?? 'dropped';
  }

  #add(
    groups: Map<number, Loss[]>,
    inputIndex: number,
    nodeId: string | undefined,
    reason: Loss['reason'],
    cause: unknown,
  ): void {
    const group = groups.get(inputIndex) ?? [];
    groups.set(inputIndex, group);
    const same = group.findIndex((loss) => loss.nodeId === nodeId && loss.reason === reason);
    const before = group[same];
    const isOfEnd = reason === 'cancelled' || reason === 'failed' || reason === 'lost';
    const error = cause ?? before?.error ?? (isOfEnd ? this.#entries.ending?.error : undefined);
    const outputs = this.#entries.outputs[inputIndex] ?? 0;
    const loss = { inputIndex, nodeId, reason, items: (before?.items ?? 0) + 1, outputs, error };
    if (before === undefined) group.push(loss);
    else group[same] = loss;
  }
}

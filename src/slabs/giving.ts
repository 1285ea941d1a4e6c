/** What a channel may send in place, as nobody else in this thread can have the same memory. */
export interface Giving {
  /** Whether other channels get the same items, so that none of their consumers may write. */
  readonly isShared: boolean;
  /** Whether that is memory of another process, which a node here was given. */
  readonly canPassOn: boolean;
  /** Whether that is memory which was allocated for a node here. */
  readonly canGiveAway: boolean;
}

/** A part of a slab that was given to a consumer. */
export interface Part {
  readonly start: number;
  readonly end: number;
  /** Whether nobody who has it may write there. */
  readonly isShared: boolean;
}

/** What keeps a part of a slab in use. */
interface Hold {
  /** The parts of it that were given to consumers, where there are any. */
  given: Part[] | undefined;
}

/**
 * Notes that a part of a slab is given to a consumer.
 *
 * @returns what was noted; `undefined` where some of it has been given before, so that a copy has to go. Several that may not write can
 * have the same part.
 */
export function give(hold: Hold, part: Part): Part | undefined {
  if (hold.given === undefined) {
    hold.given = [part];
    return part;
  }
  if (hold.given.some((other) => isInTheWay(other, part))) return undefined;
  hold.given.push(part);
  return part;
}

/** A part that was given has not been sent. */
export function takeBack(hold: Hold, part: Part): void {
  const index = hold.given?.indexOf(part) ?? -1;
  if (index >= 0) hold.given?.splice(index, 1);
}

function isInTheWay(other: Part, part: Part): boolean {
  const doOverlap = part.start < other.end && other.start < part.end;
  return doOverlap && !(part.isShared && other.isShared);
}

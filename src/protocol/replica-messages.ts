/**
 * What goes to a replica of a node: the number of an item, the item, and its presentation time in µs, where it has one. Numbers tell which outputs belong
 * to which item, however many there are, and in which order they come; see `schema/wire.md`.
 */
export type ReplicaInput = readonly [ticket: number, item: unknown, timestampUs?: number];

/** What a replica gives instead of what its node gives. */
export type ReplicaMessage =
  /** One output of an item; with {@link NO_TICKET} of `flush`. */
  | readonly [ticket: number, kind: 'output', value: unknown]
  /** The last output of an item. */
  | readonly [ticket: number, kind: 'last', value: unknown]
  /** There are no more outputs of an item. */
  | readonly [ticket: number, kind: 'done']
  /** The node has failed for an item; the value is the failure as the wire states it. */
  | readonly [ticket: number, kind: 'failed', failure: unknown]
  /** The node has assigned `context.timestampUs` for an item; what comes then has that time. */
  | readonly [ticket: number, kind: 'timestamp', timestampUs: number | null]
  /** The node has called `context.interrupt()` or `context.survive()` for an item. */
  | readonly [ticket: number, kind: 'interrupt' | 'survive'];

/** The number of what belongs to no item. */
export const NO_TICKET = -1;

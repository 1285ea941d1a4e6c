import { RemoteMediaError } from '../errors/index.js';
import { LIMIT_VARIABLE } from './folder.js';
import type { Region } from './slab.js';

/** A node that keeps slices. */
export interface Holder {
  /** The first node that the channel feeds. */
  readonly nodeId: string;
  /** Whether it may be a node after it in the same host. */
  readonly isOneOfSeveral: boolean;
}

/** What keeps a slice in use that a consumer has or will get, and the node that keeps it, as far as the consumer has said. */
export interface SliceOut {
  readonly region: Region;
  readonly holder: Holder | undefined;
  /** Bytes of the block of this thread's own that the slice is a part of; 0 for another's. */
  readonly blockBytes: number;
}

/** A channel that leads out of this thread. */
export interface Lender {
  /** What the channels have in common that are blamed together. */
  readonly run: object;
  /** Whether the consumer has been asked, and has not answered. */
  readonly isAsking: boolean;
  /** Whether the consumer has said who keeps what since that was looked at. */
  hasNews: boolean;
  slicesOut(): SliceOut[];
  /** Bytes of blocks that the consumer has of items that it is done with, whoever keeps them. */
  keptBytes(): number;
  /** Asks the consumer who keeps what; `done` is called when it has said so, or never will. */
  ask(done?: () => void): void;
}

const lenders = new Set<Lender>();

export function addLender(lender: Lender): void {
  lenders.add(lender);
}

export function removeLender(lender: Lender): void {
  lenders.delete(lender);
}

/** The channels that lead out of this thread, for one run or for all. */
export function lendersOf(run?: object): Lender[] {
  return [...lenders].filter((lender) => run === undefined || lender.run === run);
}

/** What a consumer says of the slices that it has: the payload of KEPT. */
export interface Statement {
  /** Whether nodes after the first one may keep what is not passed on. */
  readonly several: boolean;
  /** Of how many of the last items slices may still be on their way between its nodes. */
  readonly inside: number;
  /** Slices that it holds for others, as pairs of slab and offset, by the later node that keeps them; `null` for those on their way. */
  readonly passed: readonly (readonly [
    nodeId: string | null,
    isOneOfSeveral: boolean,
    pairs: readonly number[],
  ])[];
}

/** @throws RangeError where it is no payload of KEPT */
export function readStatement(payload: unknown): Statement {
  const { several, inside, passed } = (payload ?? {}) as Partial<Statement>;
  const isRight =
    typeof several === 'boolean' && isCount(inside) && Array.isArray(passed) && passed.every(isPassed);
  if (!isRight) throw new RangeError('a KEPT is not a map of several, inside and passed');
  return { several, inside, passed };
}

/** What is said of slices by those that have got them from here: each with its place in the statement. */
export function statementOf(slices: ReadonlyMap<readonly [number, number], Holder | undefined>): Statement {
  const groups = new Map<string, [string | null, boolean, number[]]>();
  for (const [place, holder] of slices) {
    const key = holder === undefined ? '' : `${String(holder.isOneOfSeveral)}${holder.nodeId}`;
    const group = groups.get(key) ?? [holder?.nodeId ?? null, holder?.isOneOfSeveral ?? false, []];
    groups.set(key, group);
    group[2].push(...place);
  }
  // A node here has arrays of its own, or an unread tensor for a while: so nothing is charged to it.
  return { several: false, inside: 0, passed: [...groups.values()] };
}

/**
 * Fails where consumers keep what fills half of the limit.
 *
 * @throws RemoteMediaError `RM_MEMORY_KEPT`
 */
export function blame(channels: readonly Lender[], limitBytes: number): void {
  const all = new Map<Region, number>();
  const byNode = new Map<string, { holder: Holder; count: number; blocks: Map<Region, number> }>();
  for (const { region, holder, blockBytes } of channels.flatMap((channel) => channel.slicesOut())) {
    if (holder === undefined || blockBytes === 0) continue;
    const kept = byNode.get(holder.nodeId) ?? { holder, count: 0, blocks: new Map<Region, number>() };
    byNode.set(holder.nodeId, kept);
    kept.count++;
    kept.blocks.set(region, blockBytes);
    all.set(region, blockBytes);
  }
  if (byNode.size === 0 || sumOf(all) * 2 < limitBytes) return;
  const most = [...byNode.values()].reduce((a, b) => (sumOf(b.blocks) > sumOf(a.blocks) ? b : a));
  const { nodeId, isOneOfSeveral } = most.holder;
  throw new RemoteMediaError(
    'RM_MEMORY_KEPT',
    `Node "${nodeId}"${isOneOfSeveral ? ', or a node after it in the same host,' : ''} keeps ${most.count} arrays or buffers ` +
      `(${sumOf(most.blocks)} bytes) that it has got, and the shared memory they lie in ` +
      `is limited to ${limitBytes} bytes. Copy what is to be kept, or set ${LIMIT_VARIABLE} to more bytes.`,
    { nodeId },
  );
}

function sumOf(blocks: ReadonlyMap<Region, number>): number {
  let sum = 0;
  for (const byteLength of blocks.values()) sum += byteLength;
  return sum;
}

function isPassed(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 3) return false;
  const [nodeId, isOneOfSeveral, pairs] = entry as unknown[];
  return (
    (nodeId === null || typeof nodeId === 'string') &&
    typeof isOneOfSeveral === 'boolean' &&
    Array.isArray(pairs) &&
    pairs.length % 2 === 0 &&
    pairs.every(isCount)
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

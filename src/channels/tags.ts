import { RemoteMediaError } from '../errors/index.js';
import { newTag, type Tag } from '../segment/index.js';

/** The payload of a TAGS frame; see `schema/wire.md`. */
interface Tags {
  readonly stamps: readonly number[];
  /** Positions of the items that survive interruptions; left out where none does. */
  readonly survivors?: readonly number[];
  /** Positions of the items that go before others; left out where none does. */
  readonly urgent?: readonly number[];
  /** Times in µs, `null` for items that have none; left out where none has one. */
  readonly times?: readonly (number | null)[];
}

/** What the next ITEMS frame's items have. */
export function tagsOf(items: readonly { readonly tag: Tag | undefined }[]): Tags {
  const tags = items.map(({ tag }) => tag ?? newTag());
  const stamps = tags.map(({ stamp }) => stamp);
  const survivors = positions(tags, ({ survives }) => survives);
  const urgent = positions(tags, (tag) => tag.urgent === true);
  return {
    stamps,
    ...(survivors.length === 0 ? {} : { survivors }),
    ...(urgent.length === 0 ? {} : { urgent }),
    ...(tags.every(({ timestampUs }) => timestampUs === undefined)
      ? {}
      : { times: tags.map(({ timestampUs }) => timestampUs ?? null) }),
  };
}

/** @throws RemoteMediaError `RM_PROTOCOL` where it is no payload of a TAGS frame */
export function readTags(payload: unknown): Tag[] {
  const { stamps, survivors = [], urgent = [], times } = (payload ?? {}) as Partial<Tags>;
  const arePositions = (list: unknown, length: number): boolean =>
    Array.isArray(list) && list.every((index) => Number.isInteger(index) && index >= 0 && index < length);
  const isRight =
    Array.isArray(stamps) &&
    stamps.every((stamp) => typeof stamp === 'number') &&
    arePositions(survivors, stamps.length) &&
    arePositions(urgent, stamps.length) &&
    (times === undefined || areTimes(times, stamps.length));
  if (!isRight) throw new RemoteMediaError('RM_PROTOCOL', 'a TAGS frame is malformed');
  const surviving = new Set<number>(survivors);
  const hurried = new Set<number>(urgent);
  return stamps.map((stamp: number, index) => ({
    stamp,
    survives: surviving.has(index),
    urgent: hurried.has(index),
    timestampUs: times?.[index] ?? undefined,
  }));
}

function areTimes(times: unknown, length: number): boolean {
  if (!Array.isArray(times) || times.length !== length) return false;
  return times.every((time) => time === null || typeof time === 'number');
}

function positions(tags: readonly Tag[], holds: (tag: Tag) => boolean): number[] {
  return tags.flatMap((tag, index) => (holds(tag) ? [index] : []));
}

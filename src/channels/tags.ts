import { RemoteMediaError } from '../errors/index.js';
import { newTag, type Tag } from '../segment/index.js';

/** The payload of a TAGS frame; see `schema/wire.md`. */
interface Tags {
  readonly stamps: readonly number[];
  /** Positions of the items that survive interruptions; left out where none does. */
  readonly survivors?: readonly number[];
}

/** What the next ITEMS frame's items have. */
export function tagsOf(items: readonly { readonly tag: Tag | undefined }[]): Tags {
  const tags = items.map(({ tag }) => tag ?? newTag());
  const survivors = tags.flatMap(({ survives }, index) => (survives ? [index] : []));
  const stamps = tags.map(({ stamp }) => stamp);
  return survivors.length === 0 ? { stamps } : { stamps, survivors };
}

/** @throws RemoteMediaError `RM_PROTOCOL` where it is no payload of a TAGS frame */
export function readTags(payload: unknown): Tag[] {
  const { stamps, survivors = [] } = (payload ?? {}) as Partial<Tags>;
  const isRight =
    Array.isArray(stamps) &&
    Array.isArray(survivors) &&
    stamps.every((stamp) => typeof stamp === 'number') &&
    survivors.every((index) => Number.isInteger(index) && index >= 0 && index < stamps.length);
  if (!isRight) throw new RemoteMediaError('RM_PROTOCOL', 'a TAGS frame is malformed');
  const surviving = new Set<number>(survivors);
  return stamps.map((stamp: number, index) => ({ stamp, survives: surviving.has(index) }));
}

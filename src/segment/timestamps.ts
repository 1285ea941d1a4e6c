import type { Tag } from './tag.js';

/** The presentation time of an item in µs: what its tag says, else what a media frame says itself. */
export function timestampOf(value: unknown, tag: Tag | undefined): number | undefined {
  if (tag?.timestampUs !== undefined) return tag.timestampUs;
  if (typeof value !== 'object' || value === null || !('timestampUs' in value)) return undefined;
  return typeof value.timestampUs === 'number' ? value.timestampUs : undefined;
}

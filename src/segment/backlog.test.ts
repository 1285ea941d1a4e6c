import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backlog } from './backlog.js';
import { byteSizeOf } from './byte-size.js';
import { newTag } from './tag.js';

const WHEN_FULL = ['block', 'drop-oldest', 'drop-newest'] as const;

interface Item {
  readonly value: number;
  readonly isUrgent: boolean;
}

/** What a backlog should be, with lists alone. */
class Model {
  dropped = 0;
  readonly items: Item[] = [];
  readonly maxItems: number;
  readonly whenFull: (typeof WHEN_FULL)[number];
  constructor(maxItems: number, whenFull: (typeof WHEN_FULL)[number]) {
    this.maxItems = maxItems;
    this.whenFull = whenFull;
  }
  push(item: Item): void {
    if (this.whenFull === 'drop-newest' && !item.isUrgent && this.items.length >= this.maxItems) {
      this.dropped++;
      return;
    }
    const firstOrdinary = this.items.findIndex(({ isUrgent }) => !isUrgent);
    this.items.splice(item.isUrgent && firstOrdinary >= 0 ? firstOrdinary : this.items.length, 0, item);
    if (this.whenFull !== 'drop-oldest') return;
    while (this.items.length > this.maxItems) {
      const ordinary = this.items.filter(({ isUrgent }) => !isUrgent);
      if (ordinary.length < 2) break;
      this.items.splice(this.items.indexOf(ordinary[0] as Item), 1);
      this.dropped++;
    }
  }
}

describe('a backlog', () => {
  it('does what a list with its limits does', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ isUrgent: fc.boolean() }) },
      { weight: 2, arbitrary: fc.constant('shift' as const) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...WHEN_FULL),
        fc.array(step, { maxLength: 600 }),
        (maxItems, whenFull, steps) => {
          const backlog = new Backlog({ maxItems, whenFull, maxBytes: undefined, maxAgeMs: undefined });
          const model = new Model(maxItems, whenFull);
          for (const [value, each] of steps.entries()) {
            if (each === 'shift') {
              expect(backlog.shift()?.value).toBe(model.items.shift()?.value);
            } else {
              backlog.push(value, newTag(false, each.isUrgent));
              model.push({ value, isUrgent: each.isUrgent });
            }
            expect(backlog.length).toBe(model.items.length);
            expect(backlog.dropped).toBe(model.dropped);
            expect(backlog.isFull).toBe(whenFull === 'block' && model.items.length >= maxItems);
          }
        },
      ),
    );
  });
});

describe('the size of a value', () => {
  it.each([
    ['text', 8],
    [new Uint8Array(100), 100],
    [new ArrayBuffer(7), 7],
    [{ data: new Float32Array(10), name: 'ab' }, 8 + 40 + 4],
    [[1, null, undefined], 8 + 24],
  ])('%o', (value, bytes) => {
    expect(byteSizeOf(value)).toBe(bytes);
  });

  it('of a value that holds itself is found', () => {
    const value: Record<string, unknown> = { name: 'a' };
    value['self'] = value;
    expect(byteSizeOf(value)).toBeGreaterThan(8);
  });
});

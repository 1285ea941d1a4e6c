import { expect, it, vi } from 'vitest';
import { defaultLogger } from '../logging/index.js';
import { newTag, nextStamp, RunState, type Tag } from '../segment/index.js';
import { lowerMeasured } from '../wire/index.js';
import { InFlight, openReceipts } from './in-flight.js';

const END = { detach: () => Promise.resolve(), resume: () => undefined, abandon: () => undefined };

function made(receivers: readonly string[], tags: readonly (Tag | undefined)[]): InFlight {
  const inFlight = new InFlight();
  inFlight.addSender('in', END);
  for (const channel of receivers) inFlight.addReceiver(channel, END);
  for (const tag of tags) {
    const number = inFlight.nextNumber();
    inFlight.sent({ number, channel: 'in', item: `item ${String(number)}`, lowered: lowerMeasured(0), tag });
  }
  return inFlight;
}

function session(): RunState {
  return new RunState(defaultLogger(), false, true);
}

function numbers(inFlight: InFlight, run: RunState): number[] {
  return inFlight.flights(run).map(({ number }) => number);
}

it('keeps an item until its receipt comes, whatever came before', () => {
  const run = session();
  const inFlight = made(['out'], [undefined, undefined, undefined]);
  inFlight.receipt(1, 'out', run);
  expect(numbers(inFlight, run)).toEqual([0, 2]);
});

it('waits for the receipts of all channels that still take outputs', () => {
  const run = session();
  const inFlight = made(['left', 'right'], [undefined, undefined]);
  inFlight.receipt(0, 'left', run);
  inFlight.receipt(1, 'left', run);
  inFlight.receipt(0, 'right', run);
  expect(numbers(inFlight, run)).toEqual([1]);
  inFlight.leave('right');
  expect(numbers(inFlight, run)).toEqual([]);
  expect(inFlight.isComplete).toBe(false);
  inFlight.leave('left');
  expect(inFlight.isComplete).toBe(true);
});

it('lets go of stale items that are passed over, and of no others', () => {
  const run = session();
  const inFlight = made(['out'], [newTag(), newTag(true), newTag(), newTag()]);
  run.interrupt(nextStamp());
  expect(numbers(inFlight, run)).toEqual([1]);
  inFlight.receipt(1, 'out', run);
  inFlight.receipt(3, 'out', run);
  const later = session();
  expect(numbers(inFlight, later)).toEqual([]);
});

it('tells every end that no other host will come, and keeps nothing', () => {
  const run = session();
  const abandon = vi.fn();
  const inFlight = made(['out'], [undefined]);
  inFlight.addReceiver('other', { ...END, abandon });
  inFlight.abandon(true);
  expect(abandon).toHaveBeenCalledExactlyOnceWith(true);
  expect(inFlight.canResume).toBe(false);
  expect(numbers(inFlight, run)).toEqual([]);
});

it('takes the receipts out of what a host has sent', () => {
  const receipts: number[] = [];
  const { items, positions } = openReceipts([['a', 0], 1, ['b'], [[3]], 2], (number) =>
    receipts.push(number),
  );
  expect({ items, positions, receipts }).toEqual({
    items: ['a', 'b', [3]],
    positions: [0, 2, 3],
    receipts: [0, 1, 2],
  });
});

it('refuses an output without a list around it', () => {
  expect(() => openReceipts(['a'], () => undefined)).toThrow('an output came without its receipt');
});

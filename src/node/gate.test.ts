import { describe, expect, test } from 'vitest';
import { Gate, gateOf } from './index.js';

/** Notes in which order the promises of a gate resolve, and to what. */
function notes(): { log: string[]; note: (name: string, entered: Promise<boolean> | undefined) => void } {
  const log: string[] = [];
  return {
    log,
    note: (name, entered) => {
      if (entered === undefined) log.push(`${name} at once`);
      else void entered.then((isIn) => log.push(`${name} ${isIn ? 'in' : 'given up'}`));
    },
  };
}

describe('Gate', () => {
  const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];

  test('lets one run in, as often as it likes', () => {
    const gate = new Gate();
    expect(gate.enter(a)).toBeUndefined();
    expect(gate.enter(a)).toBeUndefined();
    expect(gate.holder).toBe(a);
    gate.leave();
    expect(gate.holder).toBe(a);
    gate.leave();
    expect(gate.holder).toBeNull();
  });

  test('lets others in one after the other, in the order in which they came', async () => {
    const gate = new Gate();
    const { log, note } = notes();
    void gate.enter(a);
    note('b', gate.enter(b));
    note('c', gate.enter(c));
    gate.leave();
    await Promise.resolve();
    expect(log).toEqual(['b in']);
    expect(gate.holder).toBe(b);
    gate.leave();
    await Promise.resolve();
    expect(log).toEqual(['b in', 'c in']);
    gate.leave();
    expect(gate.holder).toBeNull();
  });

  test('lets a run in at all places where it waits, as one may depend on the other', async () => {
    const gate = new Gate();
    const { log, note } = notes();
    void gate.enter(a);
    note('b', gate.enter(b));
    note('c', gate.enter(c));
    note('b again', gate.enter(b));
    gate.leave();
    await Promise.resolve();
    expect(log).toEqual(['b in', 'b again in']);
    gate.leave();
    expect(gate.holder).toBe(b);
    gate.leave();
    expect(gate.holder).toBe(c);
  });

  test('forgets who gives up', async () => {
    const gate = new Gate();
    const { log, note } = notes();
    const owner = {};
    void gate.enter(a);
    note('b', gate.enter(b, owner));
    note('c', gate.enter(c));
    gate.giveUp(owner);
    await Promise.resolve();
    expect(log).toEqual(['b given up']);
    gate.leave();
    expect(gate.holder).toBe(c);
  });

  test('keeps runs from waiting for each other where both hold what the other one needs', async () => {
    const [first, second, third] = [new Gate(), new Gate(), new Gate()];
    const { log, note } = notes();
    const never = new Promise<void>(() => undefined);
    for (const [run, gate] of [
      [a, first],
      [b, second],
      [c, third],
    ] as const) {
      void gate.enter(run);
      note(
        run.name,
        gate.waitInside(never).then(() => true),
      );
    }
    void second.enter(a);
    void third.enter(b);
    await Promise.resolve();
    expect(log).toEqual([]);
    void first.enter(c);
    await Promise.resolve();
    await Promise.resolve();
    expect(log).toEqual(['a in']);
    await first.waitInside(never);
    first.leave();
    expect(first.holder).toBe(c);
  });

  test('is pressed as well where a run that comes in waits for one that still waits here', async () => {
    const [first, second] = [new Gate(), new Gate()];
    const never = new Promise<void>(() => undefined);
    void first.enter(a);
    void second.enter(c);
    void first.enter(b);
    void first.enter(c);
    void second.enter(b);
    first.leave();
    expect(first.holder).toBe(b);
    await first.waitInside(never);
    first.leave();
    expect(first.holder).toBe(c);
  });

  test('is the same for all who ask for the same node', () => {
    const node = {};
    expect(gateOf(node)).toBe(gateOf(node));
    expect(gateOf(node)).not.toBe(gateOf({}));
  });
});

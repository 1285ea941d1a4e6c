import { describe, expect, test } from 'vitest';
import { DeathWatch } from './death-watch.js';

function watched(): { watch: DeathWatch; die: (error: Error) => Promise<void> } {
  let resolve: (error: Error) => void = () => undefined;
  const watch = new DeathWatch(new Promise((done) => (resolve = done)));
  return {
    watch,
    die: async (error) => {
      resolve(error);
      await Promise.resolve();
    },
  };
}

describe('DeathWatch', () => {
  test('tells those that are still interested, once', async () => {
    const { watch, die } = watched();
    const told: string[] = [];
    watch.add(({ message }) => told.push(`a ${message}`));
    const unwatch = watch.add(() => told.push('b'));
    unwatch();
    await die(new Error('gone'));
    expect(told).toEqual(['a gone']);
    expect(watch.size).toBe(0);
  });

  test('tells those that come too late as well, unless they leave before', async () => {
    const { watch, die } = watched();
    await die(new Error('gone'));
    const told: string[] = [];
    watch.add(({ message }) => told.push(message));
    watch.add(() => told.push('left'))();
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(['gone']);
  });

  test('counts each interest by itself, also of the same function', () => {
    const { watch } = watched();
    const listener = (): void => undefined;
    const unwatch = watch.add(listener);
    watch.add(listener);
    unwatch();
    expect(watch.size).toBe(1);
  });
});

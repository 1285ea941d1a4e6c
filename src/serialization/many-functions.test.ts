import { expect, it } from 'vitest';
import { deserialize, serialize } from './serialize.js';

type Get = () => unknown;

// Looking through all scopes for each function, this took minutes.
it(
  'carries functions by the ten thousand, each with a variable of its own',
  { timeout: 60_000 },
  async () => {
    const count = 15_000;
    const many = Array.from({ length: count }, (_, index) => ({ get: () => index }));
    const copies = (await deserialize(await serialize(many))) as typeof many;
    expect(copies.map(({ get }) => get())).toEqual(Array.from({ length: count }, (_, index) => index));
  },
);

it('carries functions that hold each other, thousands deep', { timeout: 60_000 }, async () => {
  let outer: Get = () => 'innermost';
  for (let depth = 0; depth < 5000; depth++) {
    const inner = outer;
    outer = () => inner;
  }
  let value = await deserialize(await serialize(outer));
  for (let depth = 0; depth < 5000; depth++) value = (value as Get)();
  expect((value as Get)()).toBe('innermost');
});

it('finds the objects of thousands of arrow functions', { timeout: 60_000 }, async () => {
  class Held {
    readonly index: number;
    constructor(index: number) {
      this.index = index;
    }
    get = (): number => this.index;
  }
  const many = Array.from({ length: 2000 }, (_, index) => new Held(index));
  const copies = (await deserialize(await serialize(many))) as Held[];
  expect(copies.map(({ get }) => get())).toEqual(many.map(({ index }) => index));
});

import { describe, expect, it } from 'vitest';
import { Node } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';
import type { OpenOptions, WriteOptions } from './live-session.js';

class Same extends Node<number, number> {
  process(item: number): number {
    return item;
  }
}

describe('what a program in JavaScript may give', () => {
  it.each<[unknown, string]>([
    ['x', 'The options of open() must be an object, got "x".'],
    [{ maxPendin: 5 }, 'open() has no "maxPendin"; there are accounting, '],
    [{ sessionId: 5 }, 'sessionId must be a string, got 5.'],
    [{ onDeadLetter: 'x' }, 'onDeadLetter must be a function, got "x".'],
    [{ signal: {} }, 'signal must be an AbortSignal, got '],
    [{ logger: {} }, 'logger must be an object with the functions debug, info, warn, error, got '],
    [{ accounting: 1 }, 'accounting must be true or false, got 1.'],
  ])('open(%j) is refused', async (options, message) => {
    const opening = Pipeline.from(new Same()).open(options as OpenOptions);
    await expect(opening).rejects.toMatchObject({ code: 'RM_INVALID_ARGUMENT' });
    await expect(opening).rejects.toThrow(message);
  });

  it.each<[unknown, string]>([
    [{ urgnt: true }, 'write() has no "urgnt"; there are survives, urgent, timestampUs.'],
    [{ timestampUs: NaN }, 'timestampUs must be a finite number of microseconds, got NaN.'],
    [{ timestampUs: '5' }, 'timestampUs must be a finite number of microseconds, got "5".'],
    [{ timestampUs: 5n }, 'timestampUs must be a finite number of microseconds, got bigint.'],
  ])('an item is not written with %o', async (options, message) => {
    const session = await Pipeline.from(new Same()).open();
    expect(() => session.write(1, options as WriteOptions)).toThrow(message);
    await session.cancel();
  });

  it.each([undefined, {}, { befor: 'Same_0' }, { before: 'Same_0', after: 'Same_0' }])(
    'nothing is inserted at %o',
    async (place) => {
      const session = await Pipeline.from(new Same()).open();
      const inserting = session.insert(new Same(), place as never);
      await expect(inserting).rejects.toThrow(/^insert\(\) takes a node and either \{ before: id \}/);
      await session.cancel();
    },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Node, type AnyNode, type NodeContext } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Sync extends Node<number, number> {
  process(value: number): number {
    return value;
  }
}

class Async extends Node<number, number> {
  async process(value: number): Promise<number> {
    await turn();
    return value;
  }
}

/** Waits for the signal with every third item, which nothing else ends. */
class Obedient extends Node<number, number> {
  async process(value: number, { signal }: NodeContext): Promise<number> {
    if (value % 3 !== 0) return value;
    await new Promise((_, reject) => {
      const stop = (): void => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop);
    });
    return value;
  }
}

class Generate extends Node<number, number> {
  async *process(value: number): AsyncGenerator<number> {
    await turn();
    yield value;
    await turn();
  }
}

class GenerateNow extends Node<number, number> {
  *process(value: number): Generator<number> {
    yield value;
  }
}

const kinds = { Sync, Async, Generate, GenerateNow, Obedient };
const arbitraryNode = fc.record({
  kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
  concurrency: fc.integer({ min: 1, max: 3 }),
});
const arbitraryStep = fc.oneof(
  { weight: 6, arbitrary: fc.constant('write' as const) },
  { weight: 1, arbitrary: fc.constant('survivor' as const) },
  { weight: 2, arbitrary: fc.constant('turn' as const) },
  { weight: 1, arbitrary: fc.constant('interrupt' as const) },
);

/**
 * What was written after the last interruption comes out, each once and in order, and so does what survives; of what was written before,
 * some may have come out earlier, in its place.
 */
test('a session gives what was not interrupted, in order, and ends', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryNode, { minLength: 1, maxLength: 4 }),
      fc.array(arbitraryStep, { maxLength: 60 }),
      async (nodes, steps) => {
        const isObedient = nodes.some(({ kind }) => kind === 'Obedient');
        const made = nodes.map(({ kind, concurrency }): AnyNode => new kinds[kind]({ concurrency }));
        const session = await new Pipeline<number, number>(made).open({ maxPending: 4 });
        const outputs: number[] = [];
        const reading = (async () => {
          for await (const output of session) outputs.push(output);
        })();
        let next = 0;
        let wanted: number[] = [];
        const written: number[] = [];
        for (const step of steps) {
          if (step === 'turn') await turn();
          else if (step === 'interrupt') {
            session.interrupt();
            wanted = wanted.filter((value) => value < 0);
          } else {
            // One that waits for a signal must not survive it; what survives is negative.
            do next++;
            while (isObedient && next % 3 === 0 && step === 'survivor');
            const value = step === 'survivor' ? -next : next;
            const isTaken = session.tryWrite(value, { survives: step === 'survivor' });
            if (!isTaken) continue;
            written.push(value);
            if (!isObedient || next % 3 !== 0) wanted.push(value);
          }
        }
        // Those that wait for a signal get it.
        if (isObedient) {
          session.interrupt();
          wanted = wanted.filter((value) => value < 0);
        }
        session.end();
        await reading;
        await session.done;
        expect(outputs).toEqual(written.filter((value) => outputs.includes(value)));
        expect(outputs).toEqual(expect.arrayContaining(wanted));
      },
    ),
    { numRuns: 300 },
  );
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Node, type NodeContext } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Passes items on, one after the other, and notes its life. */
class Sync extends Node<number, number> {
  readonly life: string[] = [];
  override initialize(): void | Promise<void> {
    this.life.push('initialize');
  }
  process(item: number, _context: NodeContext): number | Promise<number> {
    return item;
  }
  override flush(): undefined {
    this.life.push('flush');
  }
  override cleanup(): void | Promise<void> {
    this.life.push('cleanup');
  }
}

class Async extends Sync {
  override async initialize(): Promise<void> {
    await turn();
    this.life.push('initialize');
  }
  override async process(item: number): Promise<number> {
    await turn();
    return item;
  }
  override async cleanup(): Promise<void> {
    await turn();
    this.life.push('cleanup');
  }
}

class Broken extends Sync {
  override initialize(): void {
    throw new RangeError('no model');
  }
}

const kinds = { Sync, Async, Broken };
const kind = fc.constantFrom<keyof typeof kinds>('Sync', 'Async', 'Async', 'Broken');
const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ do: 'write' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('insert' as const), kind, place: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), place: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), kind, place: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'interrupt' as const }) },
);

/** Nobody waits for the changes: they come while others are made, and while the session ends or is cancelled. */
test('a session that is changed at any time gives each item once and in order, and leaves no node open', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isCancelled) => {
      const nodes = [new Sync(), new Async()];
      const session = await new Pipeline<number, number>(nodes).open({ maxPending: 4 });
      const outputs: number[] = [];
      const reading = (async () => {
        for await (const output of session) outputs.push(output);
      })();
      const ids = ['Sync_0', 'Async_1'];
      const changes: Promise<unknown>[] = [];
      const keep = (change: Promise<unknown>): void => {
        change.catch(() => undefined);
        changes.push(change);
      };
      const written: number[] = [];
      let wanted: number[] = [];
      let item = 0;
      for (const [index, change] of steps.entries()) {
        const place = 'place' in change ? (ids[change.place % ids.length] ?? '') : '';
        if (change.do === 'turn') await turn();
        else if (change.do === 'interrupt') {
          session.interrupt();
          wanted = [];
        } else if (change.do === 'write') {
          if (!session.tryWrite(++item)) continue;
          written.push(item);
          wanted.push(item);
        } else if (change.do === 'remove') {
          keep(session.remove(place));
        } else {
          const node = new kinds[change.kind]();
          nodes.push(node);
          const id = `new_${String(index)}`;
          if (change.do === 'insert') ids.push(id);
          keep(
            change.do === 'insert'
              ? session.insert(node, { after: place, id })
              : session.replace(place, node),
          );
        }
      }
      if (isCancelled) await session.cancel();
      else session.end();
      const results = await Promise.allSettled(changes);
      await reading;
      const end = await session.done.then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      );
      expect(end).toBe(isCancelled ? 'AbortError' : 'done');
      const refused = ['RM_NODE_FAILED', 'RM_SESSION_ENDED', 'RM_INVALID_ARGUMENT', 'RM_EMPTY_PIPELINE'];
      for (const result of results)
        if (result.status === 'rejected') expect(refused).toContain((result.reason as { code: string }).code);
      expect(outputs).toEqual(written.filter((value) => outputs.includes(value)));
      if (!isCancelled) expect(outputs).toEqual(expect.arrayContaining(wanted));
      const lives = ['', 'initialize cleanup', ...(isCancelled ? [] : ['initialize flush cleanup'])];
      for (const { life } of nodes) expect(lives).toContain(life.filter(onceFlushed(isCancelled)).join(' '));
    }),
    { numRuns: 300 },
  );
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
}, 120_000);

/** Where the session is cancelled, a node may have flushed before, or not. */
function onceFlushed(isCancelled: boolean): (call: string, index: number, life: string[]) => boolean {
  return (call, index, life) => !isCancelled || call !== 'flush' || life.indexOf(call) !== index;
}

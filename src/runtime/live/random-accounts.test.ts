import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Node, type NodeContext, type WhenFull } from '../../node/index.js';
import type { LiveSession } from './live-session.js';
import { Pipeline } from '../pipeline.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What comes of the input with this number. */
interface Item {
  readonly input: number;
}

/** What the nodes did for one input. */
interface Entry {
  /** Items that were there: the input, and what nodes gave, as often as something takes it. */
  made: number;
  /** Of these the ones that `process` was called for. */
  taken: number;
  /** Calls of `process` that have neither ended nor failed by themselves. */
  open: number;
  failed: number;
}

class Journal {
  readonly #entries = new Map<number, Entry>();

  of(input: number): Entry {
    const entry = this.#entries.get(input) ?? { made: 1, taken: 0, open: 0, failed: 0 };
    this.#entries.set(input, entry);
    return entry;
  }
}

/** Notes in a journal what it gets and gives. */
abstract class Noting extends Node<Item, Item> {
  readonly journal: Journal;
  /** How many take each output. */
  takers = 1;

  constructor(journal: Journal, settings: object = {}) {
    super(settings);
    this.journal = journal;
  }

  take({ input }: Item): Item {
    const entry = this.journal.of(input);
    entry.taken++;
    entry.open++;
    return { input };
  }

  give(item: Item): Item {
    this.journal.of(item.input).made += this.takers;
    return item;
  }

  done({ input }: Item): void {
    this.journal.of(input).open--;
  }
}

class Keep extends Noting {
  process(item: Item): Item {
    this.take(item);
    this.done(item);
    return this.give(item);
  }
}

class Drop extends Noting {
  process(item: Item): Item | undefined {
    this.take(item);
    this.done(item);
    return item.input % 3 === 0 ? undefined : this.give(item);
  }
}

class Twice extends Noting {
  *process(item: Item): Generator<Item> {
    this.take(item);
    yield this.give({ ...item });
    yield this.give({ ...item });
    this.done(item);
  }
}

class TwiceLater extends Noting {
  async *process(item: Item): AsyncGenerator<Item> {
    this.take(item);
    yield this.give({ ...item });
    await turn();
    yield this.give({ ...item });
    this.done(item);
  }
}

class Later extends Noting {
  async process(item: Item, { signal }: NodeContext): Promise<Item> {
    this.take(item);
    await turn();
    await turn();
    signal.throwIfAborted();
    this.done(item);
    return this.give(item);
  }
}

class Refuse extends Noting {
  async process(item: Item): Promise<Item> {
    this.take(item);
    if (item.input % 2 === 0) await turn();
    this.done(item);
    if (item.input % 4 !== 1) return this.give(item);
    this.journal.of(item.input).failed++;
    throw new Error('refused');
  }
}

/** Ends the session by a failure at one input. */
class Break extends Noting {
  process(item: Item): Item {
    this.take(item);
    if (item.input === 4) throw new Error('broken');
    this.done(item);
    return this.give(item);
  }
}

const kinds = { Keep, Drop, Twice, TwiceLater, Later, Refuse, Break };
const arbitraryNode = fc.record({
  kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
  concurrency: fc.integer({ min: 1, max: 3 }),
  whenFull: fc.option(fc.constantFrom<WhenFull>('block', 'drop-oldest', 'drop-newest', 'latest')),
  isForked: fc.boolean(),
});
const arbitraryStep = fc.oneof(
  { weight: 8, arbitrary: fc.constant('write' as const) },
  { weight: 1, arbitrary: fc.constant('urgent' as const) },
  { weight: 1, arbitrary: fc.constant('survivor' as const) },
  { weight: 4, arbitrary: fc.constant('turn' as const) },
  { weight: 3, arbitrary: fc.constant('read' as const) },
  { weight: 1, arbitrary: fc.constant('interrupt' as const) },
);

/** Reads when it may. */
class Reader {
  #permits = 0;
  #wake: () => void = () => undefined;

  let(count = 1): void {
    this.#permits += count;
    this.#wake();
  }

  async mayRead(): Promise<void> {
    while (this.#permits <= 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#permits--;
  }
}

/** Whether the session has taken it; one that has ended takes nothing. */
function tryWrite(
  session: LiveSession<Item, Item>,
  item: Item,
  options: { readonly survives: boolean; readonly urgent: boolean },
): boolean {
  try {
    return session.tryWrite(item, options);
  } catch (error) {
    expect(error).toMatchObject({ code: 'RM_SESSION_ENDED' });
    return false;
  }
}

/** The nodes in a row; where one is forked, its outputs go both to the next one and to the one behind that. */
function pipelineOf(
  nodes: readonly {
    readonly kind: keyof typeof kinds;
    readonly concurrency: number;
    readonly whenFull: WhenFull | null;
    readonly isForked: boolean;
  }[],
  journal: Journal,
): Pipeline<Item, Item> {
  const made = nodes.map(({ kind, concurrency, whenFull }, index) => {
    const node = new kinds[kind](journal, {
      concurrency,
      ...(whenFull !== null && { inputQueue: { maxItems: 2, whenFull } }),
      ...(kind === 'Refuse' && { failurePolicy: 'skip' }),
    });
    node.name = `n${String(index)}`;
    return node;
  });
  const pipeline = new Pipeline<Item, Item>(made);
  nodes.forEach(({ isForked }, index) => {
    const [from, , after] = made.slice(index, index + 3);
    if (!isForked || from === undefined || after === undefined) return;
    pipeline.connect(from, after);
    from.takers = 2;
  });
  return pipeline;
}

/**
 * Every item that was there was taken by a node, read, or is a loss; every call has ended by itself, or is a loss. So an input that counts as
 * silent is one for which the nodes themselves gave nothing.
 */
test('every input is accounted for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryNode, { minLength: 1, maxLength: 4 }),
      fc.array(arbitraryStep, { minLength: 20, maxLength: 80 }),
      fc.constantFrom<WhenFull>('block', 'drop-oldest', 'drop-newest'),
      fc.constantFrom('end', 'cancel'),
      async (nodes, steps, whenFull, ending) => {
        const journal = new Journal();
        const session = await pipelineOf(nodes, journal).open({
          accounting: true,
          inputQueue: { maxItems: 4, whenFull },
          onDeadLetter: ({ inputIndex, item }) => {
            expect(inputIndex).toBe((item as Item).input);
          },
        });
        const read = new Map<number, number>();
        const reader = new Reader();
        const reading = (async () => {
          for (;;) {
            await reader.mayRead();
            const { done, value } = await session.next();
            if (done === true) return;
            read.set(value.input, (read.get(value.input) ?? 0) + 1);
          }
        })().catch(() => undefined);
        let written = 0;
        for (const step of steps) {
          if (step === 'turn') await turn();
          else if (step === 'read') reader.let();
          else if (step === 'interrupt') session.interrupt();
          else {
            const options = { survives: step === 'survivor', urgent: step === 'urgent' };
            if (tryWrite(session, { input: written }, options)) written++;
          }
          const { inputs, answered, lost, silent, pending } = session.account();
          expect([inputs, answered + lost + silent + pending]).toEqual([written, written]);
        }
        if (ending === 'end') session.end();
        else await session.cancel();
        reader.let(Infinity);
        await reading;
        const failure = await session.done.then(
          () => undefined,
          (error: unknown) => error,
        );
        const account = session.account();
        expect(account.pending).toBe(0);
        const isCalm = failure === undefined && !steps.includes('interrupt');
        for (let input = 0; input < written; input++) {
          const { fate, outputs, losses } = account.of(input);
          const entry = journal.of(input);
          const missing = entry.made - entry.taken - outputs;
          expect(outputs).toBe(read.get(input) ?? 0);
          expect(fate).toBe(outputs > 0 ? 'answered' : losses.length > 0 ? 'lost' : 'silent');
          const itemsOf = (reason: string): number =>
            losses.reduce((sum, loss) => sum + (loss.reason === reason ? loss.items : 0), 0);
          if (losses.length === 0) expect([missing, entry.open]).toEqual([0, 0]);
          if (!isCalm) continue;
          expect(itemsOf('dropped')).toBe(missing);
          expect(itemsOf('dead-letter')).toBe(entry.failed);
          expect(losses.every(({ reason }) => reason === 'dropped' || reason === 'dead-letter')).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
});

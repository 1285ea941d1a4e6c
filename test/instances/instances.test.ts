import { queryObjects } from 'node:v8';
import {
  configureHosts,
  executePipelineWithInput,
  HostDiedError,
  isInitialized,
  Node,
  Pipeline,
  SerializationError,
  type NodeOptions,
} from 'remotemedia';
import { afterEach, describe, expect, test } from 'vitest';
import { childrenOf, gone } from '../engine/proc.js';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Counts, and says in which process it does. */
class Counter extends Node<string> {
  count = 0;
  isReady = false;
  log: string[] = [];
  readonly onItem: (text: string) => string;

  constructor(prefix: string, options: NodeOptions = {}) {
    super(options);
    this.onItem = (text) => `${prefix} ${String(++this.count)} ${text}`;
  }

  override initialize(): void {
    this.isReady = true;
  }

  process(text: string): unknown {
    this.log.push(text);
    return this.isReady ? this.onItem(text) : 'not initialized';
  }

  override cleanup(): void {
    this.isReady = false;
  }
}

class Where extends Node<string, number> {
  process(text: string): number {
    if (text === 'leave') setInterval(() => {}, 60_000);
    if (text === 'throw') throw new Error('as asked');
    if (text === 'exit') process.exit(3);
    return process.pid;
  }
}

afterEach(() => {
  configureHosts({
    maxIdle: 1,
    idleTimeoutMs: 30_000,
    resourceLimits: {},
    payloadLimitBytes: 100 * 1024 * 1024,
  });
});

describe.each(['worker', 'process', 'multiprocess'])('a live object in a %s', (executor) => {
  test('behaves as it was built; the original stays as it was, and runs again', async () => {
    const node = new Counter('item', { executor });
    node.count = 5;
    const pipeline = new Pipeline([node]);
    for (let run = 0; run < 2; run++)
      expect(await pipeline.run(['a', 'b'])).toEqual(['item 6 a', 'item 7 b']);
    expect(node).toMatchObject({ count: 5, log: [], isReady: false });
    node.executor = 'in-process';
    expect(await pipeline.run(['a'])).toBe('item 6 a');
  });

  test('that ends its host fails the run, and the program goes on', async () => {
    const node = new Where({ executor });
    await expect(new Pipeline([node]).run('exit')).rejects.toThrow(HostDiedError);
    await expect(new Pipeline([node]).run('exit')).rejects.toMatchObject({ exitCode: 3 });
    await expect(new Pipeline([node]).run('throw')).rejects.toMatchObject({
      nodeId: 'Where_0',
      phase: 'process',
    });
  });
});

test('the executor of an entry goes before that of the object', async () => {
  const node = new Where();
  const run = async (executor?: string): Promise<unknown> => {
    const entry = { id: 'where', instance: node, ...(executor === undefined ? {} : { executor }) };
    return executePipelineWithInput({ version: 'v1', nodes: [entry] }, ['x']);
  };
  expect(await run()).toBe(process.pid);
  expect(await run('process')).not.toBe(process.pid);
});

test('what the user had initialized is cleaned up and leaves as it is then, which is logged', async () => {
  const lines: string[] = [];
  const node = new Counter('item', { executor: 'worker', name: 'mine' });
  node.initialize();
  await new Pipeline([node]).run('a', { logger: { ...silent, info: (line) => lines.push(line) } });
  expect(isInitialized(node)).toBe(false);
  expect(lines).toEqual(['node "mine_0" was initialized: it is cleaned up, and leaves as it is then']);
});

describe('a group', () => {
  class Shares extends Node<number, number> {
    readonly shared: { sum: number };

    constructor(shared: { sum: number }, options: NodeOptions) {
      super(options);
      this.shared = shared;
    }

    process(value: number): number {
      return (this.shared.sum += value);
    }
  }
  const run = async (options: NodeOptions): Promise<unknown> => {
    const shared = { sum: 0 };
    return new Pipeline([new Shares(shared, options), new Shares(shared, options)]).run(1);
  };

  test('shares a host, and what its objects share; others have copies', async () => {
    expect(await run({ executor: 'worker', group: 'sums' })).toBe(2);
    expect(await run({ executor: 'process', group: 'sums' })).toBe(2);
    expect(await run({ executor: 'worker' })).toBe(1);
  });

  test('is one segment of the plan, which starts nothing and leaves the objects alone', async () => {
    const [first, second] = [
      new Counter('', { executor: 'worker' }),
      new Counter('', { executor: 'worker' }),
    ];
    first.initialize();
    first.group = second.group = 'two';
    const { segments } = await new Pipeline([first, second]).plan();
    expect(segments[1]).toMatchObject({ host: 'worker:two', nodes: ['Counter_0', 'Counter_1'] });
    expect(isInitialized(first)).toBe(true);
  });

  test('an object cannot be in two hosts', async () => {
    const node = new Counter('', { executor: 'worker' });
    const pipeline = new Pipeline([{ instance: node }, { instance: node, executor: 'process' }]);
    await expect(pipeline.run('x')).rejects.toMatchObject({ code: 'RM_INVALID_NODE' });
  });
});

describe('returnState', () => {
  test('brings the state home, also as an option of the node', async () => {
    const node = new Counter('item', { executor: 'worker' });
    await new Pipeline([node]).run(['a', 'b'], { returnState: true });
    expect(node).toMatchObject({ count: 2, log: ['a', 'b'], isReady: false });
    expect(node.onItem('c')).toBe('item 3 c');
    node.returnState = true;
    await new Pipeline([node]).run(['d']);
    expect(node).toMatchObject({ count: 4, log: ['a', 'b', 'd'] });
    await new Pipeline([node]).run(['e'], { returnState: false });
    expect(node.count).toBe(5);
    node.returnState = false;
    await new Pipeline([node]).run(['f'], { returnState: true });
    expect(node.count).toBe(5);
  });

  test.each(['worker', 'process'])(
    'from a %s, what comes home is of the classes of this program',
    async (executor) => {
      class Store {
        items: number[] = [];
      }
      class Keeps extends Node<number, number> {
        store = new Store();
        others: Store[] = [];
        self: unknown = this;
        nested = { owner: this as unknown };
        process(value: number): number {
          this.store.items.push(value);
          this.others.push(new Store());
          return value;
        }
      }
      const node = new Keeps({ executor, returnState: true });
      for (let run = 0; run < 2; run++) await new Pipeline([node]).run([1, 2]);
      expect(node.store).toBeInstanceOf(Store);
      expect(node.store.items).toEqual([1, 2, 1, 2]);
      expect(node.others).toHaveLength(4);
      for (const store of node.others) expect(store).toBeInstanceOf(Store);
      expect(node.self).toBe(node);
      expect(node.nested.owner).toBe(node);
    },
  );

  test('nodes of a group go on sharing what they share', async () => {
    class Shares extends Node<number, number> {
      readonly list: number[];
      other: Shares | undefined;
      constructor(list: number[]) {
        super({ executor: 'worker', group: 'list', returnState: true });
        this.list = list;
      }
      process(value: number): number {
        this.list.push(value);
        return value;
      }
    }
    const list: number[] = [];
    const [one, two] = [new Shares(list), new Shares(list)];
    one.other = two;
    await new Pipeline([one, two]).run([1]);
    expect(one.list).toEqual([1, 1]);
    expect(one.list).toBe(two.list);
    expect(one.other).toBe(two);
  });

  test('of a refusal, the node of the group is named', async () => {
    class Opens extends Node<number, number> {
      pool: unknown[] = [];
      process(value: number): number {
        this.pool.push(Promise.resolve());
        return value;
      }
    }
    const options = { executor: 'worker', group: 'pools', returnState: true };
    const run = new Pipeline([new Where({ ...options }), new Opens({ ...options, name: 'opens' })]).run(1);
    await expect(run).rejects.toMatchObject({ nodeId: 'opens_1', path: 'pool[0]' });
  });

  test('of a run that failed none comes home', async () => {
    const node = new Counter('item', { executor: 'worker', returnState: true });
    class Fails extends Node {
      process(): never {
        throw new Error('as asked');
      }
    }
    await expect(new Pipeline([node, new Fails()]).run(['a'])).rejects.toThrow('as asked');
    expect(node.count).toBe(0);
  });

  class Private extends Node<number, number> {
    #sum = 0;

    process(value: number): number {
      return (this.#sum += value);
    }

    [Symbol.for('remotemedia.serialize')](): number {
      return this.#sum;
    }

    static [Symbol.for('remotemedia.deserialize')](sum: number): Private {
      const made = new Private();
      made.#sum = sum;
      return made;
    }

    [Symbol.for('remotemedia.setState')](sum: number): void {
      this.#sum = sum;
    }
  }

  test('uses the hooks of a class whose fields are private', async () => {
    const sum = new Private({ executor: 'worker', returnState: true });
    await new Pipeline([sum]).run([1, 2]);
    await new Pipeline([sum]).run([3]);
    expect(sum.process(4)).toBe(10);
    class MakesAnother extends Node<number, number> {
      process(value: number): number {
        return value;
      }
      [Symbol.for('remotemedia.serialize')](): number {
        return 0;
      }
      static [Symbol.for('remotemedia.deserialize')](): MakesAnother {
        return new MakesAnother();
      }
    }
    const node = new MakesAnother({ executor: 'worker' });
    expect(await new Pipeline([node]).run(1)).toBe(1);
    await expect(new Pipeline([node]).run(1, { returnState: true })).rejects.toThrow(/remotemedia.setState/);
  });
});

describe('a refusal', () => {
  class Holds extends Node<string, string> {
    pool = { waiting: [1, Promise.resolve()] };

    process(text: string): string {
      return text;
    }
  }

  test('names node and path, and leaves nothing behind', async () => {
    configureHosts({ maxIdle: 0 });
    const before = childrenOf(process.pid);
    const good = new Counter('', { executor: 'process', group: 'both' });
    const error: unknown = await new Pipeline([good, new Holds({ executor: 'process', group: 'both' })])
      .run('x')
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ node: 'Holds_1', path: 'pool.waiting[1]', kind: 'a Promise' });
    expect((error as Error).message).toContain('node "Holds_1": attribute "pool.waiting[1]"');
    expect(childrenOf(process.pid).filter((pid) => !before.includes(pid))).toEqual([]);
  });

  test('of what is too large names the largest attribute', async () => {
    configureHosts({ payloadLimitBytes: 1000 });
    const node = Object.assign(new Counter('', { executor: 'worker' }), { table: new Float64Array(1000) });
    await expect(new Pipeline([node]).run('x')).rejects.toThrow(/Counter_0.*"table".*payloadLimitBytes/);
    node.group = 'two';
    const other = new Counter('', { executor: 'worker', group: 'two' });
    await expect(new Pipeline([other, node]).run('x')).rejects.toThrow(/attribute is "Counter_1/);
  });
});

describe('kept hosts', () => {
  const pidOf = async (text = 'x'): Promise<number> =>
    (await new Pipeline([new Where({ executor: 'process' })]).run(text)) as number;

  test('serve later runs, but not after a failure, nor where code still runs', async () => {
    const first = await pidOf();
    expect(await pidOf('leave')).toBe(first);
    const second = await pidOf();
    expect(second).not.toBe(first);
    await expect(pidOf('throw')).rejects.toThrow('as asked');
    expect(await pidOf()).not.toBe(second);
    await Promise.all([gone(first), gone(second)]);
  });

  test('end when nobody uses them, and at once where none may be kept', async () => {
    configureHosts({ idleTimeoutMs: 1 });
    await gone(await pidOf());
    configureHosts({ maxIdle: 0 });
    const pid = await pidOf();
    expect(childrenOf(process.pid)).not.toContain(pid);
  });

  test('are not used where the environment has changed', async () => {
    const first = await pidOf();
    process.env['REMOTEMEDIA_TEST_CHANGE'] = '1';
    try {
      expect(await pidOf()).not.toBe(first);
    } finally {
      delete process.env['REMOTEMEDIA_TEST_CHANGE'];
    }
  });

  test('hold nothing of the runs that they have served', async () => {
    const pipeline = new Pipeline([new Where({ executor: 'worker' })]);
    const promisesAfter = async (runs: number): Promise<number> => {
      for (let run = 0; run < runs; run++) await pipeline.run('x');
      return queryObjects(Promise, { format: 'count' });
    };
    const before = await promisesAfter(20);
    expect(await promisesAfter(100)).toBeLessThan(before + 50);
  });

  test('a worker has the limits that are set', async () => {
    class Hoards extends Node<string, number> {
      process(): number {
        const kept: unknown[] = [];
        for (;;) kept.push(new Array(1000).fill(kept.length));
      }
    }
    configureHosts({ resourceLimits: { maxOldGenerationSizeMb: 16 } });
    const hoard = new Pipeline([new Hoards({ executor: 'worker' })]).run('x');
    await expect(hoard).rejects.toThrow(/memory limit/);
    expect(() => {
      configureHosts({ maxIdle: -1 });
    }).toThrow('configureHosts: maxIdle must be a number from 0, got -1.');
  });
});

import { fileURLToPath } from 'node:url';
import {
  executePipelineWithInput,
  Node,
  Pipeline,
  startPythonHost,
  StreamingNode,
  type PythonHost,
  type PythonNode,
} from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('./nodes.py', import.meta.url));
const ITEMS = 100_000;
const MIB = 2 ** 20;
/** What may be out by bytes, one item more, and what the queues of a few stages hold. */
const MOST_AHEAD = 16 + 1 + 40;

let python: PythonHost;

beforeAll(async () => {
  python = await startPythonHost();
});
afterAll(async () => {
  await python.close();
});

function create(name: string, kwargs: Record<string, unknown> = {}): Promise<PythonNode> {
  return python.create({ file: FILE, class: name, kwargs });
}

class Later extends Node {
  async process(item: unknown): Promise<unknown> {
    await Promise.resolve();
    return item;
  }
}

class Echo extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

function* count(): Generator<number> {
  for (let index = 0; index < ITEMS; index++) yield index;
}

async function read(pipeline: Pipeline, input?: Iterable<unknown>): Promise<number> {
  let expected = 0;
  for await (const item of pipeline.stream(input)) if (item === expected) expected++;
  return expected;
}

describe('many more items than a window holds', () => {
  test('come out in order, through every mixture of fast and slow nodes', async () => {
    const made: (() => Promise<Pipeline>)[] = [
      async () => new Pipeline([await create('Echo')]),
      async () => new Pipeline([await create('Echo'), new Later()]),
      async () => new Pipeline([new Later(), await create('Echo'), new Later(), await create('EchoAsync')]),
      async () => new Pipeline([await create('Repeat', { times: 1 }), new Later()]),
    ];
    for (const make of made) expect(await read(await make(), count())).toBe(ITEMS);
    expect(await read(new Pipeline([await create('Numbers', { count: ITEMS }), new Later()]))).toBe(ITEMS);
  });
});

describe('bulky items', () => {
  test('made here do not run ahead of a Python node by more than the window', async () => {
    let made = 0;
    let most = 0;
    let out = 0;
    function* input(): Generator<Uint8Array> {
      for (; made < 120; made++) {
        most = Math.max(most, made - out);
        yield new Uint8Array(MIB);
      }
    }
    for await (const item of new Pipeline([await create('Length')]).stream(input())) {
      expect(item).toBe(MIB);
      out++;
    }
    expect(out).toBe(120);
    expect(most).toBeLessThan(MOST_AHEAD);
  });

  test('made in Python do not run ahead of a node here by more than the window', async () => {
    const source = await create('Bulky', { count: 120, size: MIB });
    let out = 0;
    let most = 0;
    const watch = async (): Promise<void> => {
      most = Math.max(most, (await source.get<number>('made')) - out);
    };
    for await (const item of new Pipeline([source, new Echo()]).stream()) {
      expect((item as Uint8Array).byteLength).toBe(MIB);
      out++;
      if (out % 10 === 0) await watch();
    }
    expect(out).toBe(120);
    expect(most).toBeLessThan(MOST_AHEAD);
  });
});

describe('a generator whose output cannot cross', () => {
  class Gives extends Node {
    closed = 0;
    *process(): Generator {
      try {
        yield () => 1;
      } finally {
        this.closed++;
      }
    }
  }
  class GivesAsync extends Node {
    closed = 0;
    async *process(): AsyncGenerator {
      try {
        yield await Promise.resolve(() => 1);
      } finally {
        this.closed++;
      }
    }
  }
  class Streams extends StreamingNode {
    closed = 0;
    async *stream(): AsyncGenerator {
      try {
        yield await Promise.resolve(() => 1);
      } finally {
        this.closed++;
      }
    }
  }

  test.each([Gives, GivesAsync, Streams])('is closed (%o)', async (NodeClass) => {
    const node = new NodeClass();
    await expect(executePipelineWithInput([node, await create('Echo')], [1])).rejects.toThrow(/function/);
    expect(node.closed).toBe(1);
  });
});

describe('a cancel while a Python node initializes', () => {
  test('reaches it, and the nodes before it are cleaned up', async () => {
    const before = await create('Opened');
    const slow = await create('OpensForEver');
    const controller = new AbortController();
    const reason = new Error('enough');
    const run = new Pipeline([before, slow]).run(1, { signal: controller.signal });
    const aborted = run.then(
      () => 'not cancelled',
      (error: unknown) => error,
    );
    while ((await slow.get('is_opening')) !== true) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    expect(await before.get('events')).toEqual(['initialize', 'cleanup']);
    expect(await slow.get('was_cancelled')).toBe(true);
  });
});

import { Node, type NodeContext } from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TypeNodeMessage } from '../../dist/engine/messages.js';
import { Driver } from './driver.js';

class Exclaim extends Node<string, string> {
  readonly journal: string[] = [];

  override initialize(): void {
    this.journal.push('initialize');
  }

  process(text: string): string {
    return `${text}!`;
  }

  override cleanup(): void {
    this.journal.push('cleanup');
  }
}

class Secret extends Error {
  override readonly name = 'Secret';
}

class Refuses extends Node<string, string> {
  process(text: string, { nodeId }: NodeContext): string {
    throw new Secret(`${nodeId} takes no ${text}`);
  }
}

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
afterAll(async () => {
  expect(await driver.close()).toBe(0);
});

const type = (id: string, node_type: string, more: object = {}): TypeNodeMessage => ({
  id,
  node_type,
  params: {},
  ...more,
});

describe('a run', () => {
  test('of TypeScript nodes only: input and output are in the driver', async () => {
    const { outputs, metrics, states } = await driver.run([type('up', './nodes.ts#Upper')], {
      input: ['a', 'b'],
    });
    expect(outputs).toEqual(['A', 'B']);
    expect(metrics).toBeNull();
    expect(states).toEqual({});
  });

  test('tells every segment of the driver which run it belongs to, and names the ends of the pipeline', async () => {
    const opened: unknown[] = [];
    driver.onOpen = ({ run, nodes, edges, inputs, outputs }) =>
      opened.push({
        run,
        nodes: nodes.map(({ id }) => id),
        edges,
        to: inputs.map(({ to }) => to),
        from: outputs.map(({ from }) => from),
      });
    await driver.run([type('up', './nodes.ts#Upper'), driver.node('end', new Exclaim())], {
      input: ['a'],
      run: 'named',
    });
    driver.onOpen = () => undefined;
    expect(opened).toEqual([
      { run: 'named', nodes: [], edges: [], to: [], from: ['(input)'] },
      { run: 'named', nodes: ['end'], edges: [['end', '(output)']], to: [['end']], from: [] },
    ]);
  });

  test('of nodes of both languages keeps the order, with initialize and cleanup once each', async () => {
    const exclaim = new Exclaim();
    const { outputs } = await driver.run(
      [driver.node('first', exclaim), type('up', './nodes.ts#Upper'), driver.node('last', new Exclaim())],
      { input: Array.from({ length: 3000 }, (_, index) => `item ${String(index)}`) },
    );
    expect(outputs).toHaveLength(3000);
    expect(outputs.slice(0, 2)).toEqual(['ITEM 0!!', 'ITEM 1!!']);
    expect(outputs.at(-1)).toBe('ITEM 2999!!');
    expect(exclaim.journal).toEqual(['initialize', 'cleanup']);
  });

  test('of a graph merges its branches', async () => {
    const { outputs } = await driver.run(
      [driver.node('a', new Exclaim()), type('b', './nodes.ts#Upper'), driver.node('c', new Exclaim())],
      { input: ['x', 'y'] },
      [
        { from: 'a', to: 'b' },
        { from: 'a', to: 'c' },
      ],
    );
    expect(outputs.map(String).sort()).toEqual(['X!', 'Y!', 'x!!', 'y!!']);
  });

  test('without input gives a first node one empty text, and drains a source', async () => {
    expect(
      (await driver.run([driver.node('a', new Exclaim()), type('b', './nodes.ts#Upper')])).outputs,
    ).toEqual(['!']);
    const counted = await driver.run([type('count', './nodes.ts#Count', { params: { to: 3 } })]);
    expect(counted.outputs).toEqual([0, 1, 2]);
    await expect(
      driver.run([type('count', './nodes.ts#Count', { params: { to: 3 } })], { input: ['x'] }),
    ).rejects.toMatchObject({ code: 'RM_INVALID_INPUT' });
  });

  test('measures the nodes of all hosts, in the order of the pipeline', async () => {
    const { metrics } = await driver.run(
      [type('up', './nodes.ts#Upper'), driver.node('end', new Exclaim())],
      {
        input: ['a', 'b'],
        metrics: true,
      },
    );
    expect(metrics?.nodeMetrics.map(({ nodeId, itemsIn, itemsOut }) => [nodeId, itemsIn, itemsOut])).toEqual([
      ['up', 2, 2],
      ['end', 2, 2],
    ]);
    expect(metrics?.totalDurationUs).toBeGreaterThan(0);
  });

  test('runs TypeScript nodes in one worker thread, which is kept; those that ask for it in a host of their own', async () => {
    const where = async (more: object): Promise<{ pid: number; thread: number }> =>
      (await driver.run([type('where', './nodes.ts#Where', more)], { input: ['x'] })).outputs[0] as never;
    const kept = await where({});
    expect(kept.pid).toBe(driver.ready.pid);
    expect(kept.thread).toBeGreaterThan(0);
    expect(await where({})).toEqual(kept);
    const worker = await where({ executor: 'worker' });
    expect(worker.pid).toBe(driver.ready.pid);
    expect(worker.thread).not.toBe(kept.thread);
    const own = await where({ executor: 'process' });
    expect(own.pid).not.toBe(driver.ready.pid);
    await expect(where({ executor: 'moon' })).rejects.toMatchObject({
      code: 'RM_EXECUTOR_UNAVAILABLE',
      message: expect.stringContaining('"moon"'),
    });
  });

  test('passes on what nodes print, line by line, with their names, before it answers', async () => {
    driver.lines.length = 0;
    await driver.run([type('talk', './nodes.ts#Talk'), type('up', './nodes.ts#Upper')], {
      input: ['a', 'b'],
    });
    const of = (wanted: string): string[] =>
      driver.lines.filter(({ stream }) => stream === wanted).map(({ line }) => line);
    expect(of('stdout')).toEqual(['begin', 'got a', 'got b', 'flush', 'end, at last']);
    expect(of('stderr')).toEqual(['later a', 'later b']);
    expect(new Set(driver.lines.map(({ host, nodeId }) => `${host} ${String(nodeId)}`))).toEqual(
      new Set(['worker talk']),
    );
  });

  test('of many at once shares the worker', async () => {
    const runs = Array.from({ length: 20 }, (_, index) =>
      driver.run([type('up', './nodes.ts#Upper')], {
        input: [`run ${String(index)}`],
        run: `many-${String(index)}`,
      }),
    );
    expect((await Promise.all(runs)).map(({ outputs }) => outputs)).toEqual(
      runs.map((_, index) => [`RUN ${String(index)}`]),
    );
  });
});

describe('a failure', () => {
  test('of a TypeScript node says node, phase, item, type, message and cause', async () => {
    const nodes = [driver.node('a', new Exclaim()), type('fails', './nodes.ts#Fails')];
    const failing = [type('fails', './nodes.ts#Fails'), driver.node('a', new Exclaim())];
    expect((await driver.run(nodes, { input: ['bad'] })).outputs).toEqual(['bad!']);
    await expect(driver.run(failing, { input: ['good', 'good', 'bad', 'good'] })).rejects.toMatchObject({
      code: 'RM_NODE_FAILED',
      nodeId: 'fails',
      phase: 'process',
      itemIndex: 2,
      cause: { name: 'RangeError', message: 'too bad', cause: { message: 'deeper' } },
    });
  });

  test('of initialize cleans up the nodes before it', async () => {
    const exclaim = new Exclaim();
    await expect(
      driver.run([driver.node('a', exclaim), type('begins', './nodes.ts#FailsToBegin')], { input: ['x'] }),
    ).rejects.toMatchObject({ nodeId: 'begins', phase: 'initialize', cause: { name: 'TypeError' } });
    expect(exclaim.journal).toEqual(['initialize', 'cleanup']);
  });

  test('of an object of the driver passes through the engine as it came', async () => {
    const failing = driver.run([type('up', './nodes.ts#Upper'), driver.node('no', new Refuses())], {
      input: ['x'],
    });
    await expect(failing).rejects.toMatchObject({
      nodeId: 'no',
      itemIndex: 0,
      cause: { name: 'Secret', message: 'no takes no X', stack: expect.stringContaining('run.test.ts') },
    });
  });

  test('to make a node names its place in the manifest', async () => {
    const end = driver.node('end', new Exclaim());
    await expect(driver.run([end, type('a', 'Nothing')])).rejects.toMatchObject({
      code: 'RM_UNKNOWN_NODE_TYPE',
      path: 'nodes[1].node_type',
    });
    await expect(driver.run([type('a', './nodes.ts#Uper')])).rejects.toMatchObject({
      code: 'RM_MODULE',
      message: expect.stringContaining('did you mean "Upper"?'),
    });
    await expect(driver.run([type('a', './missing.ts#Upper')])).rejects.toMatchObject({ code: 'RM_MODULE' });
    await expect(
      driver.run([type('a', 'Calculator', { params: { operation: 'guess', operand: 1 } })]),
    ).rejects.toMatchObject({ code: 'RM_INVALID_MANIFEST', path: 'nodes[0].params.operation' });
  });
});

describe('a cancel', () => {
  test('ends the run with its reason, after everything has cleaned up', async () => {
    driver.lines.length = 0;
    const running = driver.run([type('endless', './nodes.ts#Endless')], { run: 'endless' });
    await driver.line('three');
    const cancelling = driver.cancel('endless', 'the caller left');
    await expect(running).rejects.toMatchObject({ name: 'AbortError', message: 'the caller left' });
    await cancelling;
    expect(driver.lines.at(-1)).toMatchObject({ line: 'cleaned up', nodeId: 'endless' });
  });

  test('of a run that is not there is no error', async () => {
    expect(await driver.cancel('never')).toEqual({});
  });

  test.each(['async', 'sync'])(
    'names a TypeScript node whose %s code does not return; the next run goes on',
    async (how) => {
      driver.lines.length = 0;
      const running = driver.run([type('stuck', './nodes.ts#Stuck')], { input: [how], run: `stuck-${how}` });
      running.catch(() => undefined);
      await driver.line('stuck');
      await driver.cancel(`stuck-${how}`);
      await expect(running).rejects.toMatchObject({ code: 'RM_CANCEL_TIMEOUT', nodeId: 'stuck' });
      expect((await driver.run([type('up', './nodes.ts#Upper')], { input: ['a'] })).outputs).toEqual(['A']);
    },
  );
});

describe('a worker that ends', () => {
  test.each([
    ['throw', 'exit code 1', 'nobody catches this'],
    ['exit', 'exit code 3', ''],
  ])('by %s fails the run, and the next run starts a new one', async (how, end, words) => {
    const exclaim = new Exclaim();
    const running = driver.run([type('crash', './nodes.ts#Crash'), driver.node('a', exclaim)], {
      input: [how],
    });
    await expect(running).rejects.toMatchObject({
      code: 'RM_HOST_DIED',
      name: 'HostDiedError',
      message: expect.stringMatching(new RegExp(`"worker.*${end}.*${words}`, 's')),
    });
    expect(exclaim.journal).toEqual(['initialize', 'cleanup']);
    expect((await driver.run([type('up', './nodes.ts#Upper')], { input: ['a'] })).outputs).toEqual(['A']);
  });

  test('in a process of its own is named by its node', async () => {
    const running = driver.run([type('crash', './nodes.ts#Crash', { executor: 'process' })], {
      input: ['exit'],
    });
    await expect(running).rejects.toMatchObject({
      code: 'RM_HOST_DIED',
      exitCode: 3,
      message: expect.stringContaining('"crash"'),
    });
  });
});

test('a plan says which segment runs where, and shows it', async () => {
  const plan = await driver.plan({
    name: 'shown',
    baseDir: import.meta.dirname,
    nodes: [type('count', './nodes.ts#Count', { params: { to: 1 } }), driver.node('end', new Exclaim())],
    connections: [],
  });
  expect(plan.segments.map(({ host, nodes }) => [host, nodes])).toEqual([
    ['worker', ['count']],
    ['driver', ['end', '(output)']],
  ]);
  expect(plan.nodes.map(({ isSource }) => isSource)).toEqual([true, false, false]);
  expect(plan.text).toContain('Python objects of this program');
  expect(plan.mermaid).toContain('flowchart LR');
});

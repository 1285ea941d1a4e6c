import { expect, it } from 'vitest';
import { Node, StreamingNode } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

class Same extends Node<number, number> {
  process(value: number): number {
    return value;
  }
}

class Refuse extends Node<number, number> {
  async process(value: number): Promise<number> {
    if (value === 1) throw new RangeError('refused');
    return value;
  }
}

class First extends StreamingNode<number, number> {
  async *stream(values: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const value of values) {
      yield value;
      return;
    }
  }
}

class Counting extends Node<number, string> {
  #count = 0;
  process(): undefined {
    this.#count++;
  }
  override flush(): string {
    return `${String(this.#count)} items`;
  }
}

it('names the node and the input of a failure, and what was under way then', async () => {
  const session = await Pipeline.from(new Refuse()).open({ accounting: true });
  for (const value of [0, 1, 2]) await session.write(value);
  session.end();
  expect(await session.next()).toEqual({ done: false, value: 0 });
  const failure: unknown = await session.next().catch((error: unknown) => error);
  const { answered, lost, losses } = session.account();
  expect([answered, lost]).toEqual([1, 2]);
  expect(losses[0]).toEqual({
    inputIndex: 1,
    nodeId: 'Refuse_0',
    reason: 'failed',
    items: 1,
    outputs: 0,
    error: failure,
  });
  expect(losses.map(({ inputIndex, reason }) => [inputIndex, reason])).toEqual([
    [1, 'failed'],
    [2, 'failed'],
  ]);
});

it('says what a node that ends early has not wanted', async () => {
  const session = await Pipeline.from(new First()).open({ accounting: true });
  for (const value of [0, 1, 2]) void session.write(value);
  for await (const output of session) expect(output).toBe(0);
  const { answered, lost, losses } = session.account();
  expect([answered, lost]).toEqual([1, 2]);
  expect(new Set(losses.map(({ reason }) => reason))).toEqual(new Set(['dropped']));
});

it('keeps apart what comes from no input', async () => {
  const session = await Pipeline.from(new Counting()).open({ accounting: true });
  for (const value of [0, 1, 2]) await session.write(value);
  expect(session.account().pending).toBe(3);
  session.end();
  for await (const output of session) expect(output).toBe('3 items');
  const { silent, pending, others } = session.account();
  expect({ silent, pending, others }).toEqual({ silent: 3, pending: 0, others: { outputs: 1, lost: 0 } });
});

it('goes on over a change of the session', async () => {
  const session = await Pipeline.from(new Same()).open({ accounting: true });
  await session.write(0);
  await session.insert(new Refuse({ failurePolicy: 'skip' }), { before: 'Same_0' });
  await session.write(1);
  await session.write(2);
  session.end();
  const outputs: number[] = [];
  for await (const output of session) outputs.push(output);
  expect(outputs).toEqual([0, 2]);
  const account = session.account();
  expect([0, 1, 2].map((index) => account.of(index).fate)).toEqual(['answered', 'lost', 'answered']);
  expect(account.losses).toMatchObject([{ inputIndex: 1, reason: 'dead-letter', nodeId: 'Refuse_1' }]);
});

it('waits for outputs that can still be read', async () => {
  const session = await Pipeline.from(new Same()).open({ accounting: true });
  await session.write(0);
  session.end();
  await session.done;
  expect(session.account().of(0).fate).toBe('pending');
  await session.next();
  expect(session.account().of(0).fate).toBe('answered');
});

it('is refused where nobody has asked for it, and for an input that was not written', async () => {
  const without = await Pipeline.from(new Same()).open();
  expect(() => without.account()).toThrow('Open it with { accounting: true }');
  await without.cancel();
  const session = await Pipeline.from(new Same()).open({ accounting: true });
  await session.write(0);
  expect(() => session.account().of(1)).toThrow('1 inputs, counted from 0; there is no input 1');
  await session.cancel();
});

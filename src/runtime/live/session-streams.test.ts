import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Node } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

class Failing extends Node<number, number> {
  async process(): Promise<number> {
    await turn();
    throw new RangeError('no model');
  }
}

function* forever(): Generator<number> {
  for (let number = 0; ; number++) yield number;
}

describe('a writer that never pauses', () => {
  it('leaves the session the time to fail, and is refused then', async () => {
    const session = await Pipeline.from(new Failing()).open();
    const writing = (async () => {
      for (const number of forever()) await session.write(number);
    })();
    await expect(session.next()).rejects.toMatchObject({ code: 'RM_NODE_FAILED', nodeId: 'Failing_0' });
    await expect(writing).rejects.toMatchObject({ code: 'RM_SESSION_ENDED' });
  });

  it('does so as a web stream as well', async () => {
    const session = await Pipeline.from(new Failing()).open();
    const outputs = ReadableStream.from(forever()).pipeThrough(session).getReader();
    await expect(outputs.read()).rejects.toMatchObject({ code: 'RM_NODE_FAILED' });
  });

  it('does so as a stream of Node.js as well', async () => {
    const session = await Pipeline.from(new Failing()).open();
    const sink = new Writable({
      objectMode: true,
      write: (_item, _encoding, callback) => {
        callback();
      },
    });
    const running = pipeline(Readable.from(forever()), session.duplex(), sink);
    await expect(running).rejects.toMatchObject({ code: expect.stringMatching(/^RM_/) as unknown });
    await expect(session.done).rejects.toMatchObject({ code: 'RM_NODE_FAILED' });
  });
});

it('a stream of Node.js takes what it is given, and gives all that comes of it', async () => {
  class Twice extends Node<number, number> {
    async *process(item: number): AsyncGenerator<number> {
      yield item;
      await turn();
      yield -item;
    }
  }
  const session = await Pipeline.from(new Twice()).open();
  const outputs: number[] = [];
  await pipeline(Readable.from([1, 2, 3]), session.duplex(), async (source: AsyncIterable<number>) => {
    for await (const output of source) outputs.push(output);
  });
  expect(outputs).toEqual([1, -1, 2, -2, 3, -3]);
  await session.done;
});

it('a stream of Node.js that is destroyed cancels the session', async () => {
  const gone = new Error('the line is dead');
  const session = await Pipeline.from(new Failing()).open();
  const duplex = session.duplex();
  duplex.on('error', () => undefined);
  duplex.destroy(gone);
  await expect(session.done).rejects.toBe(gone);
});

it('an input that breaks breaks the outputs of the web streams, and cancels the session', async () => {
  class Same extends Node<number, number> {
    process(item: number): number {
      return item;
    }
  }
  const gone = new Error('the microphone is gone');
  const session = await Pipeline.from(new Same()).open();
  const source = new ReadableStream<number>({
    start: (controller) => {
      controller.error(gone);
    },
  });
  await expect(source.pipeThrough(session).getReader().read()).rejects.toBe(gone);
  await expect(session.done).rejects.toBe(gone);
});

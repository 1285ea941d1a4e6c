import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { AudioFrame, Tensor } from '../data/index.js';
import { Node, type NodeContext } from '../node/index.js';
import { Pipeline } from '../runtime/index.js';
import { inVirtualTime } from './clock.js';
import { readRecording, record, replay } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-recording-'));
const path = join(folder, 'call.rec');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

class Same extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

class Slow extends Node<string, string> {
  async process(item: string, { signal }: NodeContext): Promise<string> {
    await sleep(30, undefined, { signal });
    return item;
  }
}

/** Records what a program does to a session, by the virtual clock. */
function recorded(work: () => Promise<void>): Promise<void> {
  return inVirtualTime({ limitMs: 10_000_000, work });
}

describe('record', () => {
  it('writes down what happens to a session, with the times', async () => {
    await recorded(async () => {
      const session = record(await Pipeline.from(new Slow()).open(), path);
      await session.write('a');
      await sleep(10);
      session.interrupt();
      expect(session.tryWrite('b', { survives: true })).toBe(true);
      expect(await session.next()).toEqual({ done: false, value: 'b' });
      session.end();
      expect(await session.next()).toEqual({ done: true, value: undefined });
      await session.done;
    });
    expect(await readRecording(path)).toEqual({
      script: [
        { atMs: 0, write: 'a' },
        { atMs: 10, interrupt: true },
        { atMs: 10, write: 'b', survives: true },
        { atMs: 40, end: true },
      ],
      outputs: [{ atMs: 40, value: 'b' }],
      failure: undefined,
    });
  });

  it('keeps bytes, tensors and media as they are', async () => {
    const items = [
      new Uint8Array([0, 255]),
      new Tensor('int16', [2, 3], new Int16Array([1, 2, 3, 4, 5, 6])),
      new AudioFrame({
        data: new Float32Array([0.5, -0.5]),
        sampleRate: 16_000,
        numberOfChannels: 1,
        format: 'f32',
      }),
      new Map([[1, new Set(['a'])]]),
      2n ** 70n,
    ];
    const session = record(await Pipeline.from(new Same()).open(), path);
    for (const item of items) {
      await session.write(item);
      await session.next();
    }
    session.end();
    await session.done;
    const { outputs } = await readRecording(path);
    expect(outputs.map(({ value }) => value)).toEqual(items);
    const { values } = await replay(path, new Same());
    expect(values).toEqual(items);
  });

  it('keeps what goes through the streams of the session', async () => {
    const session = record(await Pipeline.from(new Slow()).open(), path);
    const outputs: string[] = [];
    for await (const output of ReadableStream.from(['a', 'b']).pipeThrough(session)) outputs.push(output);
    expect(outputs).toEqual(['a', 'b']);
    await session.done;
    const { script, outputs: kept } = await readRecording(path);
    expect(script.map((step) => ('write' in step ? step.write : Object.keys(step)[1]))).toEqual([
      'a',
      'b',
      'end',
    ]);
    expect(kept.map(({ value }) => value)).toEqual(['a', 'b']);
  });

  it('writes down what failed', async () => {
    class Fails extends Node<string, string> {
      process(item: string): string {
        throw new RangeError(`no ${item}`);
      }
    }
    const session = record(await Pipeline.from(new Fails()).open(), path);
    await session.write('a');
    await expect(session.next()).rejects.toMatchObject({ nodeId: 'Fails_0' });
    await expect(session.done).rejects.toThrow();
    expect((await readRecording(path)).failure).toContain('RangeError: no a');
  });

  it('refuses items that cannot be kept, and tells of outputs that cannot', async () => {
    class Opens extends Node {
      process(): unknown {
        return Promise;
      }
    }
    const session = record(await Pipeline.from(new Opens()).open(), path);
    expect(() => session.write(() => 1)).toThrow(
      expect.objectContaining({ code: 'RM_VALUE_NOT_TRANSFERABLE' }),
    );
    await session.write('a');
    expect((await session.next()).value).toBe(Promise);
    session.end();
    await session.done;
    const { script, outputs } = await readRecording(path);
    expect(script).toHaveLength(2);
    expect(outputs).toEqual([]);
  });

  it('has all but the last moment where the program was killed', async () => {
    const session = record(await Pipeline.from(new Same()).open(), path);
    await session.write('a');
    await session.write('b');
    const bytes = readFileSync(path);
    await session.cancel();
    writeFileSync(path, bytes.subarray(0, -3));
    expect((await readRecording(path)).script).toMatchObject([{ write: 'a' }]);
  });

  it.each([
    ['nothing', []],
    ['text', Buffer.from('hello')],
    ['other frames', [5, 0, 0, 0, 0x10, 0xa4, 0x61, 0x62, 0x63, 0x64]],
    ['no frames', new Uint8Array(40).fill(255)],
  ])('cannot be read from %s', async (_what, content) => {
    writeFileSync(path, Uint8Array.from(content));
    await expect(readRecording(path)).rejects.toMatchObject({
      code: 'RM_INVALID_INPUT',
      message: expect.stringContaining('call.rec is no recording'),
    });
  });
});

describe('replay', () => {
  it('does an hour in no time', async () => {
    await recorded(async () => {
      const session = record(await Pipeline.from(new Same()).open(), path);
      for (const item of ['a', 'b', 'c']) {
        await session.write(item);
        await session.next();
        await sleep(1_200_000);
      }
      session.end();
      await session.done;
    });
    const { outputs } = await replay(path, new Slow());
    expect(outputs).toEqual([
      { atMs: 30, value: 'a' },
      { atMs: 1_200_030, value: 'b' },
      { atMs: 2_400_030, value: 'c' },
    ]);
  });
});

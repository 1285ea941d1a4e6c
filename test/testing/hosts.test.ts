import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Node, Pipeline, Tensor } from 'remotemedia';
import { every, faulty, readRecording, record, runScript } from 'remotemedia/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { venvPython } from '../../scripts/setup-python.mjs';

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-testing-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

class Double extends Node<number, number> {
  process(value: number): number {
    return 2 * value;
  }
}

function python(text: string, ...args: readonly string[]): string {
  const file = join(folder, 'program.py');
  writeFileSync(file, text);
  const { stdout, stderr, status } = spawnSync(venvPython(), [file, ...args], { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout;
}

describe('faulty', () => {
  it.each(['worker', 'process'])('ends the %s in which its node runs', async (executor) => {
    const node = faulty(new Double({ executor }), { at: 1, crash: true });
    const { failure, values } = await runScript(node, every(5, [1, 2, 3]), {
      clock: 'real',
      returnFailure: true,
    });
    expect(values).toEqual([2]);
    expect(failure).toMatchObject({ code: 'RM_HOST_DIED', message: expect.stringContaining('Double_0') });
  });

  it('throws in another process, where the node goes', async () => {
    const node = faulty(new Double({ executor: 'process' }), { at: 1, error: new RangeError('full') });
    const { failure } = await runScript(node, every(5, [1, 2]), { clock: 'real', returnFailure: true });
    expect(failure).toMatchObject({ nodeId: 'Double_0', itemIndex: 1, cause: { message: 'full' } });
  });
});

describe('a recording', () => {
  const path = join(folder, 'call.rec');

  it('of TypeScript is replayed by Python', async () => {
    const session = record(await Pipeline.from(new Double()).open(), path);
    await session.write(21);
    expect(await session.next()).toEqual({ done: false, value: 42 });
    await session.write(new Tensor('int16', [2], new Int16Array([1, 2])) as never, { survives: true });
    session.end();
    await session.done.catch(() => undefined);
    const printed = python(
      `import sys
from remotemedia import Node
from remotemedia.testing import read_recording, replay

class Describe(Node):
    def process(self, item):
        return repr(item)

recording = read_recording(sys.argv[1])
print([list(step) for step in recording.script], [output.value for output in recording.outputs][0])
print(replay(sys.argv[1], Describe()).values)
`,
      path,
    );
    expect(printed.split('\n')).toEqual([
      "[['at_ms', 'write'], ['at_ms', 'write', 'survives'], ['at_ms', 'end']] 42",
      "['21', 'array([1, 2], dtype=int16)']",
      '',
    ]);
  });

  it('of Python is read by TypeScript', async () => {
    python(
      `import asyncio, sys
import numpy as np
from remotemedia import Node, Pipeline
from remotemedia.testing import record

class Same(Node):
    def process(self, item):
        return item

async def main():
    async with record(await Pipeline([Same()]).open(), sys.argv[1]) as session:
        await session.write(np.array([1, 2], dtype=np.int16), survives=True)
        await anext(session)
        session.interrupt()

asyncio.run(main())
`,
      path,
    );
    const tensor = new Tensor('int16', [2], new Int16Array([1, 2]));
    expect(await readRecording(path)).toEqual({
      script: [
        { atMs: expect.any(Number), write: tensor, survives: true },
        { atMs: expect.any(Number), interrupt: true },
        { atMs: expect.any(Number), end: true },
      ],
      outputs: [{ atMs: expect.any(Number), value: tensor }],
      failure: undefined,
    });
  });
});

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findPython } from '../../dist/hosts/index.js';
import type { PickledNodeMessage, RunRequest } from '../../dist/engine/messages.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Driver } from './driver.js';

const PACKAGE = fileURLToPath(new URL('../../python/src', import.meta.url));
const PYTHON: NonNullable<RunRequest['python']> = {
  executable: findPython().path,
  args: ['-X', 'dev', '-W', 'ignore'],
  entry: `${PACKAGE}/remotemedia/host/entry.py`,
  path: [PACKAGE],
  cwd: import.meta.dirname,
  env: { ...(process.env as Record<string, string>), ONLY_HERE: 'yes' },
};

/** A program with a class of its own, whose instance goes to another process. */
const PROGRAM = `
import os, sys
from remotemedia import Node
from remotemedia.core.node_serialization import dump_instance

class Away(Node):
    def __init__(self, **config):
        super().__init__(**config)
        self.seen = []

    def initialize(self):
        print("begin")

    def process(self, item):
        if item == "fail":
            raise ValueError("no " + item)
        if item == "die":
            print("last words", file=sys.stderr, flush=True)
            os._exit(4)
        if item == "about":
            return {
                "pid": os.getpid(),
                "cwd": os.getcwd(),
                "dev": sys.flags.dev_mode,
                "variable": os.environ.get("ONLY_HERE"),
                "path": sys.path[0],
            }
        self.seen.append(item)
        return f"{item} {len(self.seen)}"

    def cleanup(self):
        print("end")

sys.stdout.buffer.write(dump_instance(Away(name="away")))
`;

let driver: Driver;
let pickled: Buffer;
beforeAll(async () => {
  pickled = execFileSync(PYTHON.executable, ['-c', PROGRAM], { env: { ...PYTHON.env, PYTHONPATH: PACKAGE } });
  driver = await Driver.start();
});
afterAll(async () => {
  expect(await driver.close()).toBe(0);
});

const TRAITS = {
  process: true,
  initialize: true,
  cleanup: true,
  flush: false,
  isStreaming: false,
  isSource: false,
  isAsync: false,
};

function away(id: string, more: Partial<PickledNodeMessage> = {}): PickledNodeMessage {
  return { id, pickled, className: 'Away', traits: TRAITS, ...more };
}

describe('a Python object for a process of its own', () => {
  test('runs in a fresh one, started as the driver says, and ended with the run', async () => {
    const { outputs } = await driver.run([away('a'), away('b', {})], { input: ['x'], python: PYTHON });
    expect(outputs).toEqual(['x 1 1']);
    const { outputs: about } = await driver.run([away('a')], { input: ['about'], python: PYTHON });
    expect(about).toEqual([
      { pid: expect.any(Number), cwd: import.meta.dirname, dev: true, variable: 'yes', path: PACKAGE },
    ]);
    const { pid } = about[0] as { pid: number };
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('mixes with TypeScript nodes', async () => {
    const { outputs } = await driver.run(
      [away('a'), { id: 'up', node_type: './nodes.ts#Upper', params: {} }, away('b')],
      { input: ['x', 'y'], python: PYTHON },
    );
    expect(outputs).toEqual(['X 1 1', 'Y 2 2']);
  });

  test('sends its state home where that is wanted, and prints with its name', async () => {
    driver.lines.length = 0;
    const { states } = await driver.run([away('a', { returnState: true }), away('b')], {
      input: ['x'],
      python: PYTHON,
    });
    expect(Object.keys(states)).toEqual(['a']);
    expect(states['a']).toBeInstanceOf(Uint8Array);
    const printed = driver.lines.filter(({ nodeId }) => nodeId === 'a').map(({ line }) => line);
    expect(printed).toEqual(['begin', 'end']);
  });

  test('fails with its own exception', async () => {
    await expect(driver.run([away('a')], { input: ['x', 'fail'], python: PYTHON })).rejects.toMatchObject({
      nodeId: 'a',
      phase: 'process',
      itemIndex: 1,
      cause: { code: 'RM_PYTHON_EXCEPTION', pythonType: 'ValueError', message: 'no fail' },
    });
  });

  test('that dies fails the run with how its process ended; the next run goes on', async () => {
    const running = driver.run([away('a', { returnState: true }), away('b')], {
      input: ['die'],
      python: PYTHON,
    });
    await expect(running).rejects.toMatchObject({
      code: 'RM_HOST_DIED',
      exitCode: 4,
      stderr: expect.arrayContaining(['last words']),
      message: expect.stringContaining('"a"'),
    });
    expect((await driver.run([away('a')], { input: ['x'], python: PYTHON })).outputs).toEqual(['x 1']);
  });

  test('that cannot be made there is named', async () => {
    const broken = away('broken', { pickled: Buffer.from('nothing') });
    await expect(driver.run([away('a'), broken], { python: PYTHON })).rejects.toMatchObject({
      message: expect.stringContaining('Node "broken" could not be made in a process of its own'),
    });
  });

  test('needs a Python that starts', async () => {
    const python = { ...PYTHON, executable: '/nonexistent/python' };
    await expect(driver.run([away('a')], { python })).rejects.toMatchObject({
      code: 'RM_HOST_START',
      message: expect.stringContaining('/nonexistent/python'),
    });
  });

  test('is not waited for where the run is cancelled before it has started', async () => {
    const running = driver.run([away('a')], { input: ['x'], python: PYTHON, run: 'early' });
    running.catch(() => undefined);
    await driver.cancel('early', 'changed my mind');
    await expect(running).rejects.toMatchObject({ name: 'AbortError', message: 'changed my mind' });
  });
});

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  executePipelineWithInput,
  HostDiedError,
  InvalidArgumentError,
  Node,
  NodeError,
  Pipeline,
  PythonError,
  startPythonHost,
  ValueTransferError,
  type HostOutput,
  type PythonHost,
  type PythonNode,
} from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('./nodes.py', import.meta.url));

let python: PythonHost;
const output: HostOutput[] = [];

beforeAll(async () => {
  python = await startPythonHost({ onOutput: (line) => output.push(line) });
});
afterAll(async () => {
  await python.close();
});

function create(name: string, kwargs: Record<string, unknown> = {}): Promise<PythonNode> {
  return python.create({ file: FILE, class: name, kwargs });
}

class Upper extends Node<string, string> {
  process(text: string): string {
    return text.toUpperCase();
  }
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('live Python objects', () => {
  test('are made from a file, a module or inline source, with args and kwargs', async () => {
    const fromFile = await python.create({ file: FILE, class: 'Counter', args: [10], kwargs: { step: 5 } });
    expect(await fromFile.call('process', 'x')).toEqual({ item: 'x', count: 15 });
    const fromModule = await python.create({ module: 'fractions', class: 'Fraction', args: [1, 4] });
    expect(await fromModule.get('denominator')).toBe(4);
    const fromSource = await python.create({
      source: 'class Twice:\n  def process(self, item):\n    return item * 2\n',
    });
    expect(await new Pipeline([fromSource]).run(21)).toBe(42);
    expect(fromSource.className).toBe('Twice');
  });

  test('keep their state from run to run, as long as the handle lives', async () => {
    const counter = await create('Counter');
    await new Pipeline([counter]).run([1, 2]);
    await new Pipeline([new Upper(), counter]).run(['a', 'b', 'c']);
    expect(await counter.get('count')).toBe(5);
  });

  test('are read, assigned and called through the handle', async () => {
    const counter = await create('Counter');
    await counter.set('count', 40);
    expect(await counter.get('count')).toBe(40);
    expect(await counter.get('inner')).toEqual({ label: 'inner' });
    expect(await counter.call('describe')).toBe('count: 40');
    expect(await counter.call('describe_later')).toBe('later: 40');
    await expect(counter.get('nothing')).rejects.toThrow(/nothing/);
  });

  test('that the user initialized are neither initialized nor cleaned up by runs', async () => {
    const loaded = await create('Loaded');
    expect(await new Pipeline([loaded]).run([0, 0])).toEqual([1, 1]);
    expect(await new Pipeline([loaded]).run([0, 0])).toEqual([2, 2]);
    await loaded.initialize();
    expect(await new Pipeline([loaded]).run([0, 0])).toEqual([3, 3]);
    expect(await new Pipeline([loaded]).run([0, 0])).toEqual([3, 3]);
  });

  test('that several runs share are never inside process twice at once', async () => {
    const overlap = await create('Overlap');
    const inputs = Array.from({ length: 20 }, (_, index) => index);
    const runs = await Promise.all([1, 2, 3].map(() => executePipelineWithInput([overlap], inputs)));
    expect(runs).toEqual([inputs, inputs, inputs]);
    expect(await overlap.get('most')).toBe(1);
  });

  test('without process are refused as nodes, and still serve as objects', async () => {
    const object = await create('NotANode');
    expect(await object.get('value')).toBe(5);
    expect(() => new Pipeline([object])).toThrow(
      /item 0 is an object of the Python class NotANode without process\(\)/,
    );
  });

  test('say what is wrong when they cannot be made', async () => {
    const broken = await errorOf(create('Broken'));
    expect(broken).toBeInstanceOf(PythonError);
    expect(broken).toMatchObject({ pythonType: 'ValueError', message: 'no weights' });
    expect((broken as PythonError).traceback).toContain('nodes.py');
    await expect(create('Countr')).rejects.toThrow(/Countr.*Counter/s);
    await expect(python.create({ module: 'no_such_module', class: 'X' })).rejects.toThrow(/no_such_module/);
    await expect(python.create({ file: '/nowhere/nodes.py', class: 'X' })).rejects.toThrow(/nodes\.py/);
    await expect(python.create({ source: 'def broken(:' })).rejects.toThrow(/syntax/i);
    await expect(python.create({ module: 'json', file: FILE })).rejects.toThrow(InvalidArgumentError);
  });

  test('are refused after their handle was closed', async () => {
    const counter = await create('Counter');
    await counter.close();
    await counter.close();
    await expect(counter.get('count')).rejects.toMatchObject({ code: 'RM_CLOSED' });
  });

  test('of two hosts and this process mix in one pipeline', async () => {
    await using other = await startPythonHost();
    const second = await other.create({ file: FILE, class: 'Counter' });
    const result = await new Pipeline([new Upper(), await create('Echo'), second, await create('Echo')]).run([
      'a',
      'b',
    ]);
    expect(result).toEqual([
      { item: 'A', count: 1 },
      { item: 'B', count: 2 },
    ]);
  });
});

describe('errors from Python', () => {
  test('name node and item, and bring class, message, traceback and cause', async () => {
    const error = await errorOf(new Pipeline([await create('Echo'), await create('Chained')]).run(['first']));
    expect(error).toBeInstanceOf(NodeError);
    expect(error).toMatchObject({ nodeId: 'Chained_1', itemIndex: 0, phase: 'process', host: python.name });
    const cause = (error as NodeError).cause as PythonError;
    expect(cause).toBeInstanceOf(PythonError);
    expect(cause).toMatchObject({ pythonType: 'RuntimeError', message: 'cannot do first' });
    expect(cause.traceback).toContain('in process');
    expect(cause.cause).toMatchObject({ pythonType: 'KeyError' });
  });

  test('bring arguments, attributes and the exceptions of a group', async () => {
    const source = `
class Fails:
    def process(self, value):
        quota = PermissionError(13, "too many")
        quota.retry_after, quota.connection = 2.5, object()
        raise ExceptionGroup("all failed", [quota, ValueError("late")])
`;
    const error = await errorOf(new Pipeline([await python.create({ source })]).run([1]));
    const group = (error as NodeError).cause as PythonError;
    expect(group).toMatchObject({ pythonType: 'ExceptionGroup', attributes: { message: 'all failed' } });
    const [quota, late] = group.errors as [PythonError, PythonError];
    expect(quota.pythonType).toBe('PermissionError');
    expect(quota.args).toEqual([13, 'too many']);
    expect(quota.attributes).toEqual({ errno: 13, strerror: 'too many', retry_after: 2.5 });
    expect(late).toMatchObject({ pythonType: 'ValueError', args: ['late'], errors: undefined });
  });

  test('of what cannot cross name the node and the place in the item', async () => {
    for (const what of ['lock', 'object', 'function']) {
      const error = await errorOf(new Pipeline([await create('Strange', { what })]).run([1]));
      expect(error).toMatchObject({ nodeId: 'Strange_0', cause: { code: 'RM_VALUE_NOT_TRANSFERABLE' } });
      expect((error as Error).message).toContain(`user[1].${what}`);
    }
  });

  test('a value that cannot cross to Python fails the node that gave it, with the place in the item', async () => {
    class Give extends Node {
      process(): unknown {
        return { user: [1, { onText: () => 1 }] };
      }
    }
    const error = await errorOf(new Pipeline([new Give(), await create('Echo')]).run([1]));
    expect(error).toMatchObject({ nodeId: 'Give_0', itemIndex: 0 });
    expect((error as NodeError).cause).toBeInstanceOf(ValueTransferError);
    expect((error as NodeError).cause).toMatchObject({ path: '.user[1].onText' });
  });

  test('an input item that cannot cross to Python is named', async () => {
    const error = await errorOf(
      executePipelineWithInput([await create('Echo')], [1, { socket: new Upper() }]),
    );
    expect((error as Error).message).toMatch(/item 1 .*socket.*Upper/is);
  });
});

describe('what nodes print', () => {
  test('is passed on with the name of the node', async () => {
    output.length = 0;
    await new Pipeline([await create('Talk')]).run(['hello']);
    expect(output).toContainEqual({
      host: python.name,
      nodeId: 'Talk_0',
      stream: 'stdout',
      text: 'said hello',
    });
    expect(output).toContainEqual({
      host: python.name,
      nodeId: 'Talk_0',
      stream: 'stderr',
      text: 'warned hello',
    });
  });
});

describe('a host that dies', () => {
  test.each([
    { how: 'exit', exitCode: 7, signal: null },
    { how: 'sys.exit', exitCode: 3, signal: null },
    { how: 'kill', exitCode: null, signal: 'SIGKILL' },
    { how: 'segfault', exitCode: null, signal: 'SIGSEGV' },
    { how: 'abort', exitCode: null, signal: 'SIGABRT' },
  ])('by $how ends the run with how it ended and its last words', async ({ how, exitCode, signal }) => {
    const host = await startPythonHost({ onOutput: () => undefined });
    const die = await host.create({ file: FILE, class: 'Die', kwargs: { how, at: 2 } });
    const outputs: unknown[] = [];
    const error = await errorOf(
      (async () => {
        for await (const item of new Pipeline([new Echo(), die, new Echo()]).stream([1, 2, 3, 4]))
          outputs.push(item);
      })(),
    );
    expect(error).toBeInstanceOf(HostDiedError);
    expect(error).toMatchObject({ exitCode, signal, host: host.name });
    expect((error as HostDiedError).stderr).toContain('about to die');
    expect(outputs.length).toBeLessThanOrEqual(2);
    await expect(die.get('seen')).rejects.toBeInstanceOf(HostDiedError);
    // The program goes on, and can start another.
    await using next = await startPythonHost();
    const echo = await next.create({ file: FILE, class: 'Echo' });
    expect(await new Pipeline([echo]).run('still here')).toBe('still here');
  });

  test('before it could connect to another host ends the run all the same', async () => {
    await using other = await startPythonHost();
    for (let attempt = 0; attempt < 5; attempt++) {
      const host = await startPythonHost({ onOutput: () => undefined });
      const die = await host.create({ file: FILE, class: 'Die', kwargs: { how: 'exit' } });
      const echo = await other.create({ file: FILE, class: 'Echo' });
      const error = await errorOf(new Pipeline([die, echo, new Echo()]).run([1, 2, 3]));
      expect(error).toMatchObject({ code: 'RM_HOST_DIED', exitCode: 7 });
    }
  });

  test('while nothing runs is told at the next use', async () => {
    const host = await startPythonHost({ onOutput: () => undefined });
    const echo = await host.create({ file: FILE, class: 'Echo' });
    process.kill(host.pid!, 'SIGKILL');
    await expect(echo.get('x')).rejects.toMatchObject({ code: 'RM_HOST_DIED', signal: 'SIGKILL' });
    await expect(new Pipeline([echo]).run(1)).rejects.toMatchObject({ code: 'RM_HOST_DIED' });
  });

  test('in a call is told to the caller', async () => {
    const host = await startPythonHost({ onOutput: () => undefined });
    const die = await host.create({ file: FILE, class: 'Die', kwargs: { how: 'exit' } });
    await expect(die.call('process', 1)).rejects.toMatchObject({ code: 'RM_HOST_DIED', exitCode: 7 });
  });
});

describe('a closed host', () => {
  test('has ended its process, and refuses what is asked of it', async () => {
    const host = await startPythonHost();
    const echo = await host.create({ file: FILE, class: 'Echo' });
    const { pid } = host;
    await host.close();
    expect(existsSync(`/proc/${String(pid)}`)).toBe(false);
    await expect(echo.get('x')).rejects.toMatchObject({ code: 'RM_CLOSED' });
    await expect(new Pipeline([echo]).run(1)).rejects.toMatchObject({ code: 'RM_CLOSED' });
    await host.close();
  });
});

class Echo extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

import { describe, expect, test } from 'vitest';
import { acquireNode, BaseNode, isInitialized, Node, releaseNode } from './index.js';

const CONTEXT = {};

/** A promise that is settled from outside. */
function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Counts its calls; does not call super. */
class Counting extends Node<number, number> {
  initialized = 0;
  cleaned = 0;

  override initialize(): unknown {
    this.initialized++;
    return undefined;
  }

  process(value: number): number {
    return value;
  }

  override cleanup(): unknown {
    this.cleaned++;
    return undefined;
  }
}

describe('what the user calls is recorded', () => {
  test('for overrides that do not call super', async () => {
    const node = new Counting();
    expect(isInitialized(node)).toBe(false);
    await node.initialize();
    expect(isInitialized(node)).toBe(true);
    await node.cleanup();
    expect(isInitialized(node)).toBe(false);
  });

  test('for classes without overrides', () => {
    class Bare extends BaseNode {}
    const node = new Bare();
    node.initialize();
    expect(isInitialized(node)).toBe(true);
  });

  test('for a class whose base class has been used before', () => {
    new Counting().initialize();
    class Derived extends Counting {
      override initialize(): unknown {
        return super.initialize();
      }
    }
    const node = new Derived();
    node.initialize();
    expect(isInitialized(node)).toBe(true);
    expect(node.initialized).toBe(1);
  });

  test('once an async initialize has ended, not before', async () => {
    const loading = deferred();
    class Loading extends Counting {
      override initialize(): Promise<void> {
        return loading.promise;
      }
    }
    const node = new Loading();
    const pending = node.initialize();
    expect(isInitialized(node)).toBe(false);
    loading.resolve();
    await pending;
    expect(isInitialized(node)).toBe(true);
  });

  test.each([
    ['sync', (): never => fail()],
    ['async', async (): Promise<never> => fail()],
  ])('as failed where an override fails after its super call (%s)', async (_, end) => {
    class Failing extends Counting {
      override initialize(): unknown {
        super.initialize();
        return end();
      }
    }
    const node = new Failing();
    await expect(async () => node.initialize()).rejects.toThrow('failed');
    expect(node.initialized).toBe(1);
    expect(isInitialized(node)).toBe(false);
  });

  test('as failed where an async override fails after it awaited super', async () => {
    class Failing extends Counting {
      override async initialize(): Promise<void> {
        await super.initialize();
        fail();
      }
    }
    const node = new Failing();
    await expect(node.initialize()).rejects.toThrow('failed');
    expect(isInitialized(node)).toBe(false);
  });

  test('and hands on what the override takes and gives', () => {
    class Echo extends Counting {
      override initialize(context?: unknown): unknown {
        return context;
      }
    }
    expect(new Echo().initialize(CONTEXT)).toBe(CONTEXT);
    expect(new Echo().initialize.name).toBe('initialize');
  });
});

function fail(): never {
  throw new Error('failed');
}

describe('a run that uses a node', () => {
  test('initializes and cleans it up once, without a promise where nothing is to be waited for', () => {
    const node = new Counting();
    expect(acquireNode(node, CONTEXT)).toBeUndefined();
    expect(isInitialized(node)).toBe(true);
    expect(releaseNode(node)).toBeUndefined();
    expect(node).toMatchObject({ initialized: 1, cleaned: 1 });
    expect(isInitialized(node)).toBe(false);
  });

  test('neither initializes nor cleans up what the user has initialized', () => {
    const node = new Counting();
    node.initialize();
    expect(acquireNode(node, CONTEXT)).toBeUndefined();
    expect(releaseNode(node)).toBeUndefined();
    expect(node).toMatchObject({ initialized: 1, cleaned: 0 });
    expect(isInitialized(node)).toBe(true);
  });

  test('initializes again what the user has cleaned up', () => {
    const node = new Counting();
    node.initialize();
    node.cleanup();
    void acquireNode(node, CONTEXT);
    void releaseNode(node);
    expect(node).toMatchObject({ initialized: 2, cleaned: 2 });
  });

  test('initializes anew in the next run', () => {
    const node = new Counting();
    for (let run = 0; run < 3; run++) {
      void acquireNode(node, CONTEXT);
      void releaseNode(node);
    }
    expect(node).toMatchObject({ initialized: 3, cleaned: 3 });
  });

  test('counts: the first initializes, the last cleans up', () => {
    const node = new Counting();
    void acquireNode(node, CONTEXT);
    void acquireNode(node, CONTEXT);
    expect(node.initialized).toBe(1);
    void releaseNode(node);
    expect(node.cleaned).toBe(0);
    void releaseNode(node);
    expect(node.cleaned).toBe(1);
  });

  test('calls an initialize that is a class-field arrow, which no base class can see', () => {
    class Arrow extends BaseNode {
      calls = 0;
      override initialize = (): void => {
        this.calls++;
      };
    }
    const node = new Arrow();
    void acquireNode(node, CONTEXT);
    expect(node.calls).toBe(1);
    expect(isInitialized(node)).toBe(true);
    void releaseNode(node);
    expect(isInitialized(node)).toBe(false);
  });

  test('takes an object without the base class and without cleanup', () => {
    let calls = 0;
    const node = { initialize: () => calls++, process: (value: number) => value };
    void acquireNode(node, CONTEXT);
    expect(isInitialized(node)).toBe(true);
    expect(releaseNode(node)).toBeUndefined();
    expect({ calls, isInitialized: isInitialized(node) }).toEqual({ calls: 1, isInitialized: false });
  });

  test('takes a frozen object', () => {
    const node = Object.freeze({ initialize: () => undefined, process: (value: number) => value });
    void acquireNode(node, CONTEXT);
    expect(isInitialized(node)).toBe(true);
  });
});

describe('runs that share a node', () => {
  test('wait for the initialize that one of them began', async () => {
    const loading = deferred();
    class Loading extends Counting {
      override initialize(): Promise<void> {
        super.initialize();
        return loading.promise;
      }
    }
    const node = new Loading();
    const first = acquireNode(node, CONTEXT);
    const second = acquireNode(node, CONTEXT);
    let isSecondIn = false;
    void second?.then(() => (isSecondIn = true));
    await Promise.resolve();
    expect(isSecondIn).toBe(false);
    loading.resolve();
    await Promise.all([first, second]);
    expect(node.initialized).toBe(1);
    void releaseNode(node);
    expect(node.cleaned).toBe(0);
    void releaseNode(node);
    expect(node.cleaned).toBe(1);
  });

  test('try for themselves after the initialize of another has failed', async () => {
    const attempts = [deferred(), deferred()];
    let count = 0;
    const node = {
      initialize: () => attempts[count++]!.promise,
      process: () => undefined,
      cleanup: () => count,
    };
    const first = acquireNode(node, CONTEXT)!;
    const second = acquireNode(node, CONTEXT)!;
    attempts[0]!.reject(new Error('no model'));
    await expect(first).rejects.toThrow('no model');
    attempts[1]!.resolve();
    await second;
    expect(count).toBe(2);
    expect(isInitialized(node)).toBe(true);
    void releaseNode(node);
    expect(isInitialized(node)).toBe(false);
  });

  test('wait for a cleanup under way, then initialize anew', async () => {
    const closing = deferred();
    class Closing extends Counting {
      override cleanup(): Promise<void> {
        super.cleanup();
        return closing.promise;
      }
    }
    const node = new Closing();
    void acquireNode(node, CONTEXT);
    const released = releaseNode(node);
    const acquired = acquireNode(node, CONTEXT);
    expect(node.initialized).toBe(1);
    closing.resolve();
    await Promise.all([released, acquired]);
    expect(node).toMatchObject({ initialized: 2, cleaned: 1 });
    expect(isInitialized(node)).toBe(true);
  });

  test('are told of a failing cleanup once, and may use the node again', async () => {
    class Broken extends Counting {
      override async cleanup(): Promise<void> {
        super.cleanup();
        fail();
      }
    }
    const node = new Broken();
    void acquireNode(node, CONTEXT);
    await expect(releaseNode(node)).rejects.toThrow('failed');
    void acquireNode(node, CONTEXT);
    expect(node.initialized).toBe(2);
  });

  test('do not clean up after a failed initialize', () => {
    let cleaned = 0;
    const node = { initialize: fail, process: () => undefined, cleanup: () => cleaned++ };
    expect(() => acquireNode(node, CONTEXT)).toThrow('failed');
    expect(cleaned).toBe(0);
    expect(isInitialized(node)).toBe(false);
  });
});

import { describe, expect, test } from 'vitest';
import { readSettings, settingsOf, writeSettings, type AnyNode, type NodeSettings } from './index.js';

function stating(settings: object): AnyNode {
  return { initialize: () => undefined, process: (item: unknown) => item, ...settings };
}

describe('the settings of a node', () => {
  test('are complete where nothing is stated', () => {
    expect(settingsOf(stating({}), 'a')).toEqual({
      concurrency: 1,
      unordered: false,
      failurePolicy: undefined,
    });
  });

  test.each([
    [{ concurrency: 16 }, { concurrency: 16 }],
    [{ unordered: true }, { unordered: true }],
    [{ failurePolicy: 'fail' }, { failurePolicy: undefined }],
    [{ failurePolicy: 'skip' }, { failurePolicy: { onError: 'skip' } }],
    [{ failurePolicy: { retry: { attempts: 2 } } }, { failurePolicy: { retry: { attempts: 2 } } }],
  ])('%o', (stated, expected) => {
    expect(settingsOf(stating(stated), 'a')).toMatchObject(expected);
  });

  test.each<[object, string]>([
    ...[0, -1, 1.5, NaN, Infinity, '2', {}].map((concurrency): [object, string] => [
      { concurrency },
      'concurrency must be a whole number of at least 1, got ',
    ]),
    [{ unordered: 1 }, 'unordered must be true or false, got 1.'],
    [{ failurePolicy: 'retry' }, 'failurePolicy must be "fail", "skip" or an object, got "retry".'],
    [{ failurePolicy: { onError: 'stop' } }, 'failurePolicy.onError must be "fail" or "skip", got "stop".'],
    [{ failurePolicy: { timeoutMs: 0 } }, 'failurePolicy.timeoutMs must be a number from 1, got 0.'],
    [
      { failurePolicy: { timeout: 5 } },
      'failurePolicy has no "timeout"; there are onError, retry, timeoutMs.',
    ],
    [{ failurePolicy: { retry: 3 } }, 'failurePolicy.retry must be { attempts: 3 }, got 3.'],
    [
      { failurePolicy: { retry: {} } },
      'failurePolicy.retry.attempts must be a whole number of at least 1, got undefined.',
    ],
    [
      { failurePolicy: { retry: { attempts: 1, factor: 0.5 } } },
      'failurePolicy.retry.factor must be a number from 1, got 0.5.',
    ],
    [
      { failurePolicy: { retry: { attempts: 1, times: 2 } } },
      'failurePolicy.retry has no "times"; there are attempts, delayMs, factor, maxDelayMs.',
    ],
  ])('%o is refused', (stated, message) => {
    expect(() => settingsOf(stating(stated), 'a')).toThrow(`Node "a": ${message}`);
  });

  test('refuse a failure policy for a node that is not called for each item', () => {
    const source = { initialize: () => undefined, source: () => [], failurePolicy: 'skip' } as AnyNode;
    expect(() => settingsOf(source, 'a')).toThrow(
      'Node "a": a failurePolicy is about calls of process(), and this is a source node. Leave it out.',
    );
  });
});

test.each<NodeSettings>([
  {},
  { concurrency: 3, unordered: true },
  { failurePolicy: 'skip' },
  {
    failurePolicy: {
      onError: 'skip',
      retry: { attempts: 3, delayMs: 0, factor: 1, maxDelayMs: 5 },
      timeoutMs: 10,
    },
  },
])('%o survives being written', (settings) => {
  expect(readSettings(writeSettings(settings))).toEqual(settings);
});

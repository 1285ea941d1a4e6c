import { expect, it } from 'vitest';
import { settingsOf } from './settings.js';
import type { RestartPolicy } from './settings.js';
import { readSettings, writeSettings } from './written-settings.js';

const node = (restart: unknown) => ({
  initialize: () => undefined,
  process: () => undefined,
  restart: restart as RestartPolicy,
});

it.each<[unknown, unknown]>([
  [undefined, undefined],
  [0, undefined],
  [{ limit: 0 }, undefined],
  [3, { limit: 3, items: 'redeliver' }],
  [{ limit: 2 }, { limit: 2, items: 'redeliver' }],
  [
    { limit: 1, items: 'report' },
    { limit: 1, items: 'report' },
  ],
])('restart: %j means %j', (given, expected) => {
  expect(settingsOf(node(given), 'a').restart).toEqual(expected);
});

it.each<[unknown, string]>([
  [-1, 'Node "a": restart must be a whole number from 0, or { limit: 3 }, got -1.'],
  ['often', 'Node "a": restart must be a whole number from 0, or { limit: 3 }, got "often".'],
  [{ limit: 1.5 }, 'Node "a": restart.limit must be a whole number from 0, got 1.5.'],
  [{ limit: 1, items: 'drop' }, 'Node "a": restart.items must be "redeliver" or "report", got "drop".'],
  [{ limit: 1, max: 2 }, 'Node "a": restart has no "max"; there are limit, items.'],
])('restart: %j is refused', (given, message) => {
  expect(() => settingsOf(node(given), 'a')).toThrow(message);
});

it.each<[RestartPolicy | number]>([[3], [{ limit: 3 }], [{ limit: 3, items: 'report' }]])(
  'restart: %j is the same from a manifest',
  (restart) => {
    expect(readSettings(writeSettings({ restart }))).toEqual({ restart });
    expect(readSettings({ restart: null })).toEqual({});
  },
);

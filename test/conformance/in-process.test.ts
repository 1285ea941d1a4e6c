import { afterAll, describe, expect, test } from 'vitest';
import { makeFixture } from './fixtures.js';
import { CASES, placeNodes, WAYS, type ConformanceHost } from './harness.js';

const inProcess: ConformanceHost = {
  make(testCase) {
    const journal: string[] = [];
    return { nodes: placeNodes(testCase, (node) => makeFixture(node, journal)), journal: () => journal };
  },
  expectBoom(cause) {
    expect(cause).toBeInstanceOf(RangeError);
    expect(cause).toHaveProperty('message', 'boom');
  },
};

describe('the in-process host', () => {
  const ran = new Set<string>();
  afterAll(() => {
    expect(ran.size, 'a host that skips a case fails').toBe(CASES.length);
  });

  for (const testCase of CASES) {
    test.each(WAYS.filter((way) => way.isFor(testCase)))(
      `${testCase.name} ($name)`,
      async ({ expectCase }) => {
        await expectCase(testCase, inProcess);
        ran.add(testCase.name);
      },
    );
  }
});

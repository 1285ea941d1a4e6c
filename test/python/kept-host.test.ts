import { Pipeline, startPythonHost } from 'remotemedia';
import { expect, test } from 'vitest';

const ECHO = 'class Echo:\n    def process(self, item):\n        return item\n';

test('a kept host forgets each run when that has ended, also one that failed or was cancelled', async () => {
  await using host = await startPythonHost();
  const node = await host.create({ source: ECHO });
  const failing = await host.create({
    source: 'class Failing:\n    def process(self, item):\n        raise ValueError("no")\n',
  });
  for (let count = 0; count < 5; count++) {
    expect(await new Pipeline([node]).run([1, 2])).toEqual([1, 2]);
    await expect(new Pipeline([node, failing]).run([1])).rejects.toThrow('no');
    const stream = new Pipeline([node]).stream([1, 2, 3]);
    await stream.next();
    await stream.return();
  }
  expect(host.deathListenerCount).toBe(0);
});

import { join } from 'node:path';
import fc from 'fast-check';
import { HostDiedError, Pipeline, type SessionAccount } from 'remotemedia';
import { expect, test } from 'vitest';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const arbitraryPlace = fc.constantFrom(
  { file: 'accounts.mjs', executor: 'in-process' },
  { file: 'accounts.mjs', executor: 'worker' },
  { file: 'accounts.py', executor: undefined },
);
type Place = typeof arbitraryPlace extends fc.Arbitrary<infer T> ? T : never;

/** Gives nothing for odd numbers, and two outputs for even ones. */
function pipelineOf(places: readonly Place[]): Pipeline<number, number> {
  const types = ['Even', 'Later', 'Twice', 'Later'];
  return Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'accounts' },
    nodes: places.map(({ file, executor }, index) => ({
      id: `n${String(index)}`,
      node_type: `${join(import.meta.dirname, file)}#${types[index] ?? ''}`,
      params: {},
      ...(executor !== undefined && { executor }),
    })),
    connections: places.slice(1).map((_, index) => ({
      from: `n${String(index)}`,
      to: `n${String(index + 1)}`,
    })),
  }) as Pipeline<number, number>;
}

/** What is known without the account. */
function expectRight(
  account: SessionAccount,
  read: readonly number[],
  isCalm: boolean,
  isWhole: boolean,
): void {
  expect(account.pending).toBe(0);
  for (let n = 0; n < account.inputs; n++) {
    const { fate, outputs, losses } = account.of(n);
    expect(outputs).toBe(read.filter((value) => value === n).length);
    if (n % 2 === 1) expect(fate).not.toBe('answered');
    else if (isCalm) expect([outputs, losses]).toEqual([2, []]);
    else if (isWhole && outputs < 2) expect(losses).not.toEqual([]);
    else if (outputs === 0) expect(fate).toBe('lost');
    if (isCalm) expect(losses).toEqual([]);
  }
}

/** An even number without two outputs is a loss, whatever hosts it was in; where a session is cancelled, one without any. */
test('every input is accounted for, over hosts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(arbitraryPlace, arbitraryPlace, arbitraryPlace, arbitraryPlace),
      fc.array(fc.constantFrom('write', 'write', 'write', 'write', 'turn', 'read', 'interrupt'), {
        minLength: 20,
        maxLength: 200,
      }),
      fc.boolean(),
      fc.constantFrom('end', 'cancel'),
      async (places, steps, isInterrupted, ending) => {
        const session = await pipelineOf(places).open({ accounting: true });
        const read: number[] = [];
        let reading = Promise.resolve();
        const readOne = async (): Promise<boolean> => {
          const { done, value } = await session.next();
          if (done !== true) read.push(value);
          return done !== true;
        };
        let written = 0;
        for (const step of steps) {
          if (step === 'write') written += Number(session.tryWrite(written));
          else if (step === 'read') reading = reading.then(readOne).then(() => undefined);
          else if (step === 'turn') await turn();
          else if (isInterrupted) session.interrupt();
        }
        if (ending === 'end') session.end();
        else await session.cancel();
        await reading;
        while (await readOne());
        await session.done.catch(() => undefined);
        const isUndisturbed = !(isInterrupted && steps.includes('interrupt'));
        expect(session.account().inputs).toBe(written);
        expectRight(session.account(), read, isUndisturbed && ending === 'end', ending === 'end');
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);

test('what was in a host that died is lost', async () => {
  const node_type = join(import.meta.dirname, '../restarts/nodes.mjs#One');
  const pipeline = Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'dies' },
    nodes: [{ id: 'node', node_type, executor: 'process', params: {} }],
    connections: [],
  }) as Pipeline<unknown, unknown>;
  const session = await pipeline.open({ accounting: true });
  await session.write(1);
  await session.next();
  await session.write('it ends its process at this');
  await expect(session.next()).rejects.toBeInstanceOf(HostDiedError);
  await session.done.catch(() => undefined);
  const account = session.account();
  expect([account.answered, account.lost]).toEqual([1, 1]);
  const [loss] = account.losses;
  expect(loss).toMatchObject({ inputIndex: 1, reason: 'lost', outputs: 0 });
  expect(loss?.error).toBeInstanceOf(HostDiedError);
});

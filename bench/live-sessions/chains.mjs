// Chains of ten nodes in this program: ours in a session, and peers. Each function gives a duration in µs.
import { Transform } from 'node:stream';
import { Node, Pipeline } from 'remotemedia';
import { concatMap, from, map, of, Subject } from 'rxjs';
import { percentile } from '../measure.mjs';

export const NODES = 10;

class Add extends Node {
  process(value) {
    return value + 1;
  }
}
class AddAsync extends Node {
  async process(value) {
    return value + 1;
  }
}

/** Many items, per item and node: written while there is room, and read as they come out. */
export const itemsThrough = {
  async session(count) {
    const session = await new Pipeline(chain(Add)).open();
    return perNode(count, async () => {
      const reading = readAll(session, count);
      for (let index = 0; index < count; index++) await session.write(index);
      session.end();
      await reading;
    });
  },
  streams(count) {
    const { first, last } = streams((value, done) => done(null, value + 1));
    return perNode(count, async () => {
      const reading = readAll(last, count);
      for (let index = 0; index < count; index++)
        if (!first.write(index)) await new Promise((resolve) => first.once('drain', resolve));
      first.end();
      await reading;
    });
  },
  /** Without a bound, a queue or a turn for anybody else. */
  rxMap: (count) => throughSubject(count, () => map(increase)),
  rxConcatMap: (count) => throughSubject(count, () => concatMap((value) => of(increase(value)))),
};

/** Items through async nodes, each written when the one before has come out: the median. */
export const oneAtATime = {
  async session(count) {
    const session = await new Pipeline(chain(AddAsync)).open();
    const duration = await each(count, async (value) => {
      await session.write(value);
      return (await session.next()).value;
    });
    await session.cancel();
    return duration;
  },
  /** What the nodes themselves take. */
  plain(count) {
    const nodes = chain(AddAsync);
    return each(count, async (value) => {
      let output = value;
      for (const node of nodes) output = await node.process(output);
      return output;
    });
  },
  streams(count) {
    const { first, last } = streams((value, done) => {
      void increaseAsync(value).then((output) => done(null, output));
    });
    const outputs = last[Symbol.asyncIterator]();
    return each(count, async (value) => {
      first.write(value);
      return (await outputs.next()).value;
    });
  },
  rxConcatMap(count) {
    const { subject, observable } = piped(() => concatMap((value) => from(increaseAsync(value))));
    let take;
    observable.subscribe((output) => take(output));
    return each(count, (value) => {
      const output = new Promise((resolve) => (take = resolve));
      subject.next(value);
      return output;
    });
  },
};

function increase(value) {
  return value + 1;
}

async function increaseAsync(value) {
  return value + 1;
}

function chain(Kind) {
  return Array.from({ length: NODES }, () => new Kind());
}

function streams(change) {
  const transform = (value, _encoding, done) => change(value, done);
  const [first, ...others] = Array.from(
    { length: NODES },
    () => new Transform({ objectMode: true, transform }),
  );
  return { first, last: others.reduce((stream, next) => stream.pipe(next), first) };
}

function piped(makeOperator) {
  const subject = new Subject();
  return { subject, observable: subject.pipe(...Array.from({ length: NODES }, makeOperator)) };
}

function throughSubject(count, makeOperator) {
  const { subject, observable } = piped(makeOperator);
  let outputs = 0;
  observable.subscribe(() => outputs++);
  return perNode(count, () => {
    for (let index = 0; index < count; index++) subject.next(index);
    subject.complete();
    check(outputs, count);
  });
}

async function perNode(count, run) {
  const start = performance.now();
  await run();
  return ((performance.now() - start) * 1e3) / count / NODES;
}

async function each(count, run) {
  const durations = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    const output = await run(index);
    durations.push((performance.now() - start) * 1e3);
    check(output, index + NODES);
  }
  return percentile(durations, 50);
}

async function readAll(outputs, expected) {
  let count = 0;
  for await (const output of outputs) {
    void output;
    count++;
  }
  check(count, expected);
}

/** A figure of a wrong run is none. */
function check(found, expected) {
  if (found !== expected) throw new Error(`${found} came out instead of ${expected}`);
}

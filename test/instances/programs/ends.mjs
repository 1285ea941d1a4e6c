// One node, in a host of its own, that ends in the way that is asked for; prints what the program saw of that.
import { Node, Pipeline } from 'remotemedia';

const ways = {
  unfinished() {
    process.stderr.write('last error');
    process.stdout.write('last word');
    process.exit(4);
  },
  many() {
    for (let index = 0; index < 20_000; index++) console.log(`line ${String(index)}`);
    process.stdout.write('end');
    process.exit(4);
  },
  throws() {
    setTimeout(() => {
      throw new RangeError('throws later');
    });
    return new Promise(() => {});
  },
  rejects() {
    void Promise.reject(new RangeError('rejects later'));
    return new Promise(() => {});
  },
  error() {
    const missing = Object.assign(new Error('missing'), { code: 'ENOENT' });
    const inner = Object.assign(new TypeError('inner', { cause: missing }), { errno: -2 });
    throw Object.assign(new AggregateError([inner], 'all'), { code: 'E_ALL', status: 503 });
  },
  catches() {
    return new Promise((resolve) => {
      process.once('uncaughtException', ({ message }) => {
        console.log(`caught ${message}`);
        resolve('went on');
      });
      setTimeout(() => {
        throw new Error('later');
      });
    });
  },
  async computes() {
    console.log('runs');
    await new Promise((resolve) => setImmediate(resolve));
    for (;;);
  },
  waits(signal) {
    console.log('runs');
    signal.addEventListener('abort', () => {
      console.log('cancelled');
    });
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  },
};

class Ends extends Node {
  way;

  process(mode, { signal }) {
    return this.way(signal);
  }
}

const [executor, mode] = process.argv.slice(2);
const node = new Ends({ executor, name: 'ends' });
node.way = ways[mode];
try {
  console.log(JSON.stringify(await new Pipeline([node]).run('x')));
} catch (error) {
  const { cause } = error;
  const seen =
    mode === 'error'
      ? {
          isAggregate: cause instanceof AggregateError,
          code: cause.code,
          status: cause.status,
          errors: cause.errors.map((inner) => ({
            name: inner.name,
            isTypeError: inner instanceof TypeError,
            errno: inner.errno,
            causeCode: inner.cause.code,
          })),
        }
      : `${error.code} ${error.message}`;
  console.log(JSON.stringify(seen));
}

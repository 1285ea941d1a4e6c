// Values, each with a function that says how it behaves. Both are serialized and printed, with what the function says here; a fresh process must
// say the same. They stand in the entry script, so that nobody can import what is theirs.
import { EventEmitter } from 'node:events';
import * as path from 'node:path';
import fs, { readFileSync } from 'node:fs';
import { constructed } from 'remotemedia/serialization';
import * as nodes from './by-reference.mjs';
import { printCases } from './print-cases.mjs';
import {
  Counter,
  Handle,
  makeHidden,
  ModelError,
  Outer,
  Point,
  Point3,
  Reduced,
  Registry,
  triple,
  WithSymbol,
} from './by-reference.mjs';

const moduleConstant = { greeting: 'hello' };
let moduleCounter = 0;
const localSymbol = Symbol('local');

class Animal {
  static count = 3;
  static #kinds() {
    return ['animal'];
  }
  static kinds() {
    return Animal.#kinds();
  }
  static {
    Animal.fromBlock = 'set by a block';
  }
  name;
  constructor(name) {
    this.name = name;
    Animal.count++;
  }
  get upper() {
    return this.name.toUpperCase();
  }
  set upper(value) {
    this.name = value.toLowerCase();
  }
  speak() {
    return `${this.name} speaks`;
  }
  *letters() {
    yield* this.name;
  }
  async later() {
    await null;
    return this.name;
  }
  async *laterLetters() {
    for (const letter of this.name) yield letter;
  }
  [Symbol.iterator]() {
    return this.letters();
  }
}

class Dog extends Animal {
  tricks = [];
  handle = (trick) => {
    this.tricks.push(trick);
    return this.tricks.length;
  };
  speak() {
    return `${super.speak()}, woof`;
  }
  static kinds() {
    return [...super.kinds(), 'dog'];
  }
}

const Swims = (Base) =>
  class extends Base {
    swim() {
      return `${this.name} swims`;
    }
  };
class Duck extends Swims(Animal) {}

class Matrix extends Array {
  sum() {
    return this.reduce((a, b) => a + b, 0);
  }
}

class Bus extends EventEmitter {
  seen = [];
}

function OldStyle(x) {
  this.x = x;
}
OldStyle.prototype.double = function () {
  return this.x * 2;
};
OldStyle.make = (x) => new OldStyle(x);
function OldChild(x) {
  OldStyle.call(this, x);
}
OldChild.prototype = Object.create(OldStyle.prototype, {
  constructor: { value: OldChild, writable: true, configurable: true },
});
OldChild.prototype.triple = function () {
  return this.x * 3;
};

function counter(start) {
  let count = start;
  return { add: () => ++count, get: () => count };
}

function isEven(n) {
  return n === 0 || isOdd(n - 1);
}
function isOdd(n) {
  return n !== 0 && isEven(n - 1);
}

function cyclic() {
  const a = { name: 'a', list: [] };
  a.self = a;
  a.list.push(a, a.list);
  a.map = new Map([[a, a]]);
  a.set = new Set([a]);
  return a;
}

function aliased() {
  const buffer = new ArrayBuffer(16);
  return {
    bytes: new Uint8Array(buffer, 4, 8),
    floats: new Float32Array(buffer),
    view: new DataView(buffer, 8),
    buffer,
  };
}

function deep(depth) {
  let value = { depth: 0 };
  for (let index = 1; index < depth; index++) value = { next: value, depth: index };
  return value;
}

function odd() {
  const object = Object.create(null, {
    hidden: { value: 1, enumerable: false, writable: true, configurable: true },
    fixed: { value: 2, enumerable: true, writable: false, configurable: false },
  });
  Object.defineProperty(object, 'twice', {
    get: () => object.fixed * 2,
    enumerable: true,
    configurable: true,
  });
  object[localSymbol] = 'under a symbol';
  object.__proto__ = 'a key like any other';
  object.z = 1;
  object.a = 2;
  object[7] = 'index';
  return object;
}

const describe = (object) =>
  Reflect.ownKeys(object).map((key) => {
    const { get, set, value, ...rest } = Object.getOwnPropertyDescriptor(object, key);
    return [String(key), typeof (get ?? set ?? value), rest];
  });

const cases = {
  numbers: {
    value: [
      0,
      -0,
      1,
      -1,
      127,
      128,
      -128,
      2 ** 31,
      -(2 ** 31),
      2 ** 53,
      0.1,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
    ],
    behave: (list) => list.map((n) => (Object.is(n, -0) ? '-0' : String(n))),
  },
  strings: {
    value: ['', 'a', 'é', 'x'.repeat(300), '日本語', '\ud800 alone', '\0', 'é'.repeat(100)],
    behave: (list) => list.map((s) => JSON.stringify(s)),
  },
  bigints: { value: [0n, -1n, 2n ** 100n, -(2n ** 64n)], behave: (list) => list.map(String) },
  symbols: {
    value: [Symbol.iterator, Symbol.for('shared'), localSymbol, localSymbol, Symbol()],
    behave: (list) => [
      list[0] === Symbol.iterator,
      list[1] === Symbol.for('shared'),
      list[2] === list[3],
      list[2] !== list[4],
      String(list[2]),
      list[4].description === undefined,
    ],
  },
  'descriptors and order of keys': {
    value: odd(),
    behave: (object) => [describe(object), Object.getPrototypeOf(object) === null, object.twice],
    extra: { describe },
  },
  'frozen, sealed, non-extensible': {
    value: [
      Object.freeze({ a: 1 }),
      Object.seal({ a: 1 }),
      Object.preventExtensions({ a: 1 }),
      Object.freeze([1, 2]),
      Object.freeze(new Map([[1, 2]])),
    ],
    behave: (list) =>
      list.map((item) => [Object.isFrozen(item), Object.isSealed(item), Object.isExtensible(item)]),
  },
  'sparse arrays and arrays with properties': {
    value: [
      [, 1, , 2, ,],
      Object.assign([1, 2], { extra: true }),
      Object.assign([], { length: 4_000_000_000, 3: 'far' }),
    ],
    behave: (list) => list.map((array) => [array.length, Object.keys(array), array.extra]),
  },
  'maps, sets, dates, regular expressions': {
    value: {
      map: new Map([
        [NaN, 1],
        [{ key: true }, 2],
        ['x', new Map()],
      ]),
      set: new Set([1, '1', -0]),
      date: new Date(1e12),
      bad: new Date(NaN),
      re: Object.assign(/a(?<n>b)/giu, { lastIndex: 3 }),
    },
    behave: ({ map, set, date, bad, re }) => [
      [...map.values()].length,
      map.get(NaN),
      [...set],
      date.toISOString(),
      bad.getTime(),
      String(re),
      re.lastIndex,
    ],
  },
  'boxed primitives': {
    value: [Object(1), Object('ab'), Object(false), Object(5n), Object(Symbol.for('b'))],
    behave: (list) => list.map((item) => [typeof item, typeof item.valueOf(), String(item.valueOf())]),
  },
  'URL with its parameters': {
    value: (() => {
      const url = new URL('http://host/path?a=1#x');
      return { params: url.searchParams, url, alone: new URLSearchParams('b=2') };
    })(),
    behave: ({ url, params, alone }) => {
      params.set('a', '2');
      return [url.href, alone.get('b'), url.searchParams === params];
    },
  },
  errors: {
    value: (() => {
      const error = new TypeError('bad', { cause: new RangeError('deep') });
      error.extra = { more: 1 };
      return [
        error,
        new AggregateError([error], 'many'),
        new ModelError('of a module'),
        new DOMException('gone', 'AbortError'),
      ];
    })(),
    behave: ([error, many, own, dom]) => [
      error instanceof TypeError,
      error.message,
      error.cause instanceof RangeError,
      error.extra,
      typeof error.stack,
      error.stack.includes('bad'),
      many.errors[0] === error,
      own instanceof Error,
      own.name,
      own.code,
      own.constructor.name,
      dom.name,
      dom.message,
      Object.prototype.toString.call(error),
      Object.keys(error),
    ],
  },
  'typed arrays over one buffer': {
    value: aliased(),
    behave: ({ bytes, floats, view, buffer }) => {
      bytes[0] = 63;
      view.setUint8(0, 64);
      return [
        bytes.buffer === buffer,
        [...new Uint8Array(buffer)],
        floats.length,
        bytes.byteOffset,
        view.byteOffset,
      ];
    },
  },
  'every typed array': {
    value: [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
    ]
      .map((Type) => Type.of(1, 2, 250))
      .concat(),
    behave: (list) => list.map((array) => [array.constructor.name, [...array]]),
  },
  'bigint arrays and Buffer': {
    value: [
      BigInt64Array.of(-1n),
      BigUint64Array.of(2n ** 63n),
      Buffer.from('text'),
      Buffer.alloc(10_000, 7),
    ],
    behave: (list) => list.map((array) => [array.constructor.name, array.length, String(array[0])]),
  },
  'buffers that overlap in the pool': {
    value: (() => {
      const whole = Buffer.from('abcdef');
      return { whole, part: whole.subarray(2, 4) };
    })(),
    behave: ({ whole, part }) => {
      part[0] = 88;
      return [whole.toString(), part.toString()];
    },
  },
  'cycles and shared references': {
    value: cyclic(),
    behave: (a) => [a.self === a, a.list[0] === a, a.list[1] === a.list, a.map.get(a) === a, a.set.has(a)],
  },
  'a graph 100,000 deep': {
    value: deep(100_000),
    behave: (value) => {
      let count = 0;
      for (let current = value; current; current = current.next) count++;
      return count;
    },
  },
  'prototypes that are objects': {
    value: (() => {
      const base = {
        hello() {
          return `hi ${this.name}`;
        },
      };
      return [Object.create(base, { name: { value: 'a', enumerable: true } }), base];
    })(),
    behave: ([object, base]) => [object.hello(), Object.getPrototypeOf(object) === base],
  },
  'class of a module': {
    value: [new Point(3, 4), new Point3(1, 2), Point],
    behave: ([point, three, Class]) => [
      point.length,
      point instanceof Class,
      three.z,
      three instanceof Class,
      Object.getPrototypeOf(Class.prototype) === Object.prototype,
    ],
  },
  'nested class and function of a module': {
    value: [new Outer.Inner(), triple, [triple]],
    behave: ([inner, fn, [same]]) => [inner.label, fn(2), fn === same],
  },
  'subclass of Map of a module': {
    value: new Registry([['a', 2]]),
    behave: (registry) => [registry.twice('a'), registry.label, registry instanceof Map],
  },
  'exported symbol as a key': { value: new WithSymbol(), behave: (object) => object.state },
  'class that its module does not export': {
    value: makeHidden(),
    behave: (hidden) => [hidden.secret, hidden.constructor.name],
  },
  'classes of the program': {
    value: new Dog('rex'),
    behave: async (dog) => {
      dog.handle('sit');
      const letters = [];
      for await (const letter of dog.laterLetters()) letters.push(letter);
      dog.upper = 'MAX';
      return [
        dog.speak(),
        dog.tricks,
        [...dog],
        letters,
        await dog.later(),
        dog.upper,
        dog.constructor.name,
        dog.constructor.kinds(),
      ];
    },
  },
  'static state': {
    value: Animal,
    behave: (Class) => {
      const before = Class.count;
      new Class('x');
      return [before, Class.count, Class.fromBlock, Class.name, Class.length, Class.kinds()];
    },
  },
  mixins: { value: new Duck('donald'), behave: (duck) => [duck.swim(), duck.speak()] },
  'subclasses of Array and EventEmitter': {
    value: {
      matrix: Matrix.of(1, 2, 3),
      bus: (() => {
        const bus = new Bus();
        bus.on('x', function (value) {
          this.seen.push(value);
        });
        return bus;
      })(),
    },
    behave: ({ matrix, bus }) => {
      bus.emit('x', 5);
      return [
        matrix.sum(),
        Array.isArray(matrix),
        matrix.constructor.name,
        matrix.length,
        bus.seen,
        bus.listenerCount('x'),
      ];
    },
  },
  'constructor functions': {
    value: [new OldStyle(2), new OldChild(3), OldStyle],
    behave: ([old, child, Class]) => [
      old.double(),
      child.double(),
      child.triple(),
      old instanceof Class,
      child instanceof Class,
      Class.make(5).double(),
      Object.keys(old),
    ],
  },
  'closures that share variables': {
    value: counter(5),
    behave: (c) => {
      c.add();
      c.add();
      return c.get();
    },
  },
  'closures that share nothing': {
    value: [counter(1), counter(2)],
    behave: ([a, b]) => {
      a.add();
      return [a.get(), b.get()];
    },
  },
  'counters that are alike': {
    value: [counter(0), counter(0)],
    behave: ([a, b]) => {
      a.add();
      return [a.get(), b.get()];
    },
  },
  recursion: {
    value: {
      isEven,
      factorial: function self(n) {
        return n < 2 ? 1 : n * self(n - 1);
      },
    },
    behave: (f) => [f.isEven(10), f.factorial(5)],
  },
  'captured module state, imports and globals': {
    value: {
      next: () => ++moduleCounter,
      greet: (name) => `${moduleConstant.greeting} ${name}`,
      base: (file) => path.basename(file),
      read: readFileSync,
      whole: () => typeof fs.readFileSync,
      point: () => new Point(6, 8).length,
      all: () => Object.keys(nodes).includes('triple'),
    },
    behave: (f) => [
      f.next(),
      f.next(),
      f.greet('you'),
      f.base('/a/b.txt'),
      typeof f.read,
      f.whole(),
      f.point(),
      f.all(),
    ],
  },
  'import.meta and import()': {
    value: {
      url: () => import.meta.url.startsWith('file:'),
      load: async () => (await import('./by-reference.mjs')).triple(3),
      builtin: async () => typeof (await import('node:os')).cpus,
    },
    behave: async (f) => [f.url(), await f.load(), await f.builtin()],
  },
  'bound functions': {
    value: (() => {
      function add(a, b) {
        return [this.x, a, b];
      }
      const bound = add.bind({ x: 1 }, 2);
      return [bound, bound.bind(null, 3), Math.max.bind(null, 7)];
    })(),
    behave: ([one, two, max]) => [one(5), two(), max(1), one.name, one.length],
  },
  'kinds of functions': {
    value: {
      arrow: (a, b = 2, ...rest) => [a, b, rest],
      async: async () => 'async',
      *generator() {
        yield 1;
        yield 2;
      },
      async *asyncGenerator() {
        yield 3;
      },
      ['com' + 'puted']() {
        return 'computed';
      },
      get accessor() {
        return 'accessor';
      },
      named: function inner() {
        return inner.name;
      },
    },
    behave: async (f) => {
      const later = [];
      for await (const item of f.asyncGenerator()) later.push(item);
      return [
        f.arrow(1, undefined, 3),
        await f.async(),
        [...f.generator()],
        later,
        f.computed(),
        f.accessor,
        f.named(),
        f.arrow.name,
        f.arrow.length,
        f.computed.name,
      ];
    },
  },
  'functions with properties': {
    value: Object.assign((x) => x + 1, { version: 2, nested: { fn: () => 'nested' } }),
    behave: (fn) => [fn(1), fn.version, fn.nested.fn()],
  },
  'a loop of closures': {
    value: (() => {
      const fns = [];
      for (let i = 0; i < 5; i++) fns.push(() => i++);
      return fns;
    })(),
    behave: (fns) => fns.flatMap((fn) => [fn(), fn()]),
  },
  'default parameters, destructuring, labels, shadows': {
    value: ({ a, b: { c = moduleConstant.greeting } = {} }, [d, ...e] = [1, 2]) => {
      const moduleCounter = 9;
      label: for (const a of [1]) if (a) continue label;
      return [a, c, d, e, moduleCounter];
    },
    behave: (fn) => fn({ a: 'x' }),
  },
  'builtins by name': {
    value: [Math, JSON, Array.prototype.map, console, process, globalThis, Promise, Object.prototype],
    behave: (list) => [
      list[0] === Math,
      list[1] === JSON,
      list[2] === [].map,
      list[3] === console,
      list[4] === process,
      list[5] === globalThis,
      list[6] === Promise,
      list[7] === Object.prototype,
    ],
  },
  'a patched method and a patched instance': {
    value: (() => {
      class Patched {
        a() {
          return 'a';
        }
      }
      Patched.prototype.b = function () {
        return `b${this.a()}`;
      };
      const instance = new Patched();
      instance.a = () => 'own';
      return [new Patched(), instance];
    })(),
    behave: ([plain, own]) => [plain.b(), own.b()],
  },
  'private state by hooks': {
    value: { counter: new Counter('hits').add().add(), again: null },
    behave: ({ counter }) => [String(counter.add()), counter.constructor.name],
  },
  'state by hooks in a cycle': {
    value: new Handle('h'),
    behave: (handle) => [handle.name, handle.self === handle, handle.constructor.name],
  },
  reduce: {
    value: { a: new Reduced([1, 2]) },
    behave: ({ a }) => [a.list, a.cache instanceof WeakMap, a.constructor.name],
  },
  'constructed on the other side': {
    once: true,
    value: {
      model: constructed({
        module: new URL('./by-reference.mjs', import.meta.url),
        export: 'Model',
        args: ['tiny.onnx', { threads: 2 }],
      }),
    },
    behave: async ({ model }) => [
      await (model.loaded ?? 'tiny.onnx'),
      model.file ?? 'tiny.onnx',
      model.options ?? { threads: 2 },
    ],
  },
  'private methods of a class, without instances': {
    value: class Secret {
      #hidden = 1;
      #double() {
        return this.#hidden * 2;
      }
      reveal() {
        return this.#double();
      }
    },
    behave: (Class) => new Class().reveal(),
  },
  'static members that are called like what every class has': {
    value: [
      class A {
        static name = 'own';
        static length = 7;
      },
      class B {
        static name() {
          return 'method';
        }
      },
    ],
    behave: ([a, b]) => [a.name, a.length, b.name()],
  },
  'a property that a setter of the class would catch': {
    value: (() => {
      class Guarded {
        set x(_value) {
          throw new Error('called');
        }
      }
      return Object.defineProperty(new Guarded(), 'x', {
        value: 3,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    })(),
    behave: (guarded) => Object.getOwnPropertyDescriptor(guarded, 'x'),
  },
  'accessors that share a variable': {
    value: (() => {
      let x = 1;
      return {
        get x() {
          return x;
        },
        set x(value) {
          x = value * 10;
        },
      };
    })(),
    behave: (object) => {
      object.x = 4;
      return object.x;
    },
  },
  'a class made by a function, with what it captured': {
    value: (() => {
      const make = (factor) =>
        class Scaled {
          constructor(x) {
            this.x = x;
          }
          get() {
            return this.x * factor;
          }
        };
      return [new (make(2))(5), new (make(3))(5)];
    })(),
    behave: ([a, b]) => [a.get(), b.get(), a.constructor === b.constructor],
  },
};

await printCases(cases);

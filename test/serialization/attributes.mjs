// What was done to classes, functions and built-in objects after they had been made, and scopes of parameters.
import { EventEmitter } from 'node:events';
import { printCases } from './print-cases.mjs';

const attributes = (object, key) => {
  const { value, get, set, ...rest } = Object.getOwnPropertyDescriptor(object, key);
  return [typeof (value ?? get ?? set), typeof set, rest];
};
const extra = { attributes };

class Frozen {
  m() {
    return 1;
  }
}
Object.freeze(Frozen.prototype);

class Listed {
  m() {
    return 1;
  }
}
Object.defineProperty(Listed.prototype, 'm', { enumerable: true });

class Fixed {
  m() {
    return 1;
  }
}
Object.defineProperty(Fixed.prototype, 'm', { writable: false, configurable: false });

class Halved {
  get a() {
    return 1;
  }
  set a(value) {
    this.z = value;
  }
}
Object.defineProperty(Halved.prototype, 'a', { set: undefined });

class Swapped {
  a() {
    return 'a';
  }
  b() {
    return 'b';
  }
}
Swapped.prototype.a = Swapped.prototype.b;

function WithoutPrototype() {}
WithoutPrototype.prototype = null;
function WithFixedPrototype() {}
Object.defineProperty(WithFixedPrototype, 'prototype', { writable: false });
function WithConstructor() {}
WithConstructor.prototype = { constructor: WithConstructor, m: () => 1 };
const long = (a) => a;
Object.defineProperty(long, 'length', { value: 5 });

const error = new Error('x');
error.stack = { frames: [1] };

function later() {
  const x = 'outer';
  return (a, read = () => x) => {
    var x = 'inner';
    return [read(), x];
  };
}

function monitored() {
  const emitter = new EventEmitter();
  const seen = [];
  emitter.on(EventEmitter.errorMonitor, (error) => seen.push(error.message));
  emitter.on('error', () => {});
  return { emitter, seen };
}

await printCases({
  'a frozen prototype': {
    value: new Frozen(),
    behave: (value) => [Object.isFrozen(Object.getPrototypeOf(value)), value.m()],
  },
  'a method that is listed': {
    value: new Listed(),
    behave: (value) => {
      const keys = [];
      for (const key in value) keys.push(key);
      return [keys, value.m()];
    },
  },
  'a method that cannot change': { value: Fixed, behave: (value) => attributes(value.prototype, 'm'), extra },
  'an accessor that lost its setter': {
    value: Halved,
    behave: (value) => attributes(value.prototype, 'a'),
    extra,
  },
  'a method in place of another one': { value: new Swapped(), behave: (value) => [value.a(), value.b()] },
  'a function whose prototype is null': { value: WithoutPrototype, behave: (value) => [value.prototype] },
  'a function whose prototype is fixed': {
    value: WithFixedPrototype,
    behave: (value) => [attributes(value, 'prototype'), new value() instanceof value],
    extra,
  },
  'a constructor that is listed': {
    value: new WithConstructor(),
    behave: (value) => {
      const keys = [];
      for (const key in value) keys.push(key);
      return keys;
    },
  },
  'a length that was set': { value: long, behave: (value) => [value.length, value.name] },
  'an array whose length is fixed': {
    value: Object.defineProperty([1, 2], 'length', { writable: false }),
    behave: (value) => [attributes(value, 'length'), [...value]],
    extra,
  },
  'a stack that is no text': { value: error, behave: (value) => value.stack },
  'a variable of the body under the name of one that a default value reads': {
    value: later(),
    behave: (value) => value(1),
  },
  'an emitter that takes rejections': {
    value: new EventEmitter({ captureRejections: true }),
    behave: (value) =>
      new Promise((resolve) => {
        value.on('item', async () => {
          throw new Error('rejected');
        });
        value.on('error', ({ message }) => resolve(message));
        process.once('unhandledRejection', () => resolve('unhandled'));
        value.emit('item');
      }),
  },
  'a symbol of Node.js': {
    value: monitored(),
    behave: ({ emitter, seen }) => {
      emitter.emit('error', new Error('seen'));
      return seen;
    },
  },
});

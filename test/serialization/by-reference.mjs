// What goes by reference: the receiving program imports this file.

export class Point {
  constructor(x, y) {
    this.x = x;
    this.y = y;
    Point.made++;
  }
  static made = 0;
  get length() {
    return Math.hypot(this.x, this.y);
  }
}

export class Point3 extends Point {
  z = 0;
}

export class Outer {
  static Inner = class Inner {
    label = 'inner';
  };
}

export class Registry extends Map {
  label = 'registry';
  twice(key) {
    return this.get(key) * 2;
  }
}

export class ModelError extends Error {
  name = 'ModelError';
  code = 7;
}

export const kState = Symbol('state');

export class WithSymbol {
  [kState] = 5;
  get state() {
    return this[kState];
  }
}

export function triple(x) {
  return x * 3;
}

class Hidden {
  secret = 42;
}

export function makeHidden() {
  return new Hidden();
}

/** Private fields, carried by hooks. */
export class Counter {
  #count = 0;
  #label;
  constructor(label) {
    this.#label = label;
  }
  add() {
    this.#count++;
    return this;
  }
  toString() {
    return `${this.#label}: ${this.#count}`;
  }
  [Symbol.for('remotemedia.serialize')]() {
    return { label: this.#label, count: this.#count };
  }
  static [Symbol.for('remotemedia.deserialize')]({ label, count }) {
    const counter = new Counter(label);
    counter.#count = count;
    return counter;
  }
}

/** A handle that is left out, in a cycle. */
export class Handle {
  constructor(name) {
    this.name = name;
    this.socket = Promise.resolve();
    this.self = this;
  }
  [Symbol.for('remotemedia.getState')]() {
    return { name: this.name, self: this };
  }
  [Symbol.for('remotemedia.setState')]({ name, self }) {
    this.name = name;
    this.self = self;
    this.isRestored = true;
  }
}

export class Reduced {
  constructor(list) {
    this.list = list;
    this.cache = new WeakMap();
  }
  [Symbol.for('remotemedia.reduce')]() {
    return [Reduced, this.list];
  }
}

export class Model {
  constructor(file, options) {
    this.loaded = Promise.resolve(file);
    this.file = file;
    this.options = options;
  }
}

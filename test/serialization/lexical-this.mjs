// Arrow functions whose `this` is another object than the nearest one of their class, and those of exported instances.
import { EventEmitter } from 'node:events';
import { counters, Exported, held, instance } from './exported-instances.mjs';
import { printCases } from './print-cases.mjs';

class Link {
  constructor(v, next) {
    this.v = v;
    this.next = next;
    if (next) next.prev = () => this.v;
  }
}

class Tree {
  kids = [];
  constructor(name) {
    this.name = name;
  }
  add(child) {
    child.up = () => this.name;
    this.kids.push(child);
    return this;
  }
}

class Inner {
  x = 'inner';
  f = () => this.x;
}
class Wrapper extends Inner {
  constructor(inner) {
    super();
    this.x = 'wrapper';
    this.g = inner.f;
  }
}

class Button {
  constructor(name) {
    this.name = name;
  }
  listener() {
    return () => this.name;
  }
}
function crossed() {
  const [a, b] = [new Button('a'), new Button('b')];
  a.on = b.listener();
  b.on = a.listener();
  return [a, b];
}

class Bus extends EventEmitter {
  seen = 0;
  constructor(parent) {
    super();
    parent?.on('item', () => {
      this.seen++;
    });
  }
}
function parentAndChild() {
  const parent = new Bus();
  const child = new Bus(parent);
  return { parent, child };
}

class SameTextOne {
  name = 'one';
  say = () => this.name;
}
class SameTextTwo {
  name = 'two';
  constructor(one) {
    this.one = one;
    one.back = () => this.name;
  }
}

class WithStatic {
  static x = 1;
  static f = () => this.x;
}
const literal = {
  word: 'hi',
  make() {
    return () => this.word;
  },
};

instance.k = 5;
held.k = 6;
for (let times = 0; times < 5; times++) counters.add();

await printCases({
  'a linked list': {
    value: new Link(1, new Link(2, new Link(3))),
    behave: (value) => [value.next.prev(), value.next.next.prev()],
  },
  'a tree of one class': {
    value: new Tree('root').add(new Tree('a').add(new Tree('b'))),
    behave: (value) => [value.kids[0].up(), value.kids[0].kids[0].up()],
  },
  'a function taken from an object that does not go along': {
    value: new Wrapper(new Inner()),
    behave: (value) => [value.f(), value.g()],
  },
  'listeners that cross': { value: crossed(), behave: (value) => value.map((button) => button.on()) },
  'a listener on an emitter of the same class': {
    value: parentAndChild(),
    behave: ({ parent, child }) => {
      parent.emit('item');
      return [parent.seen, child.seen];
    },
  },
  'the same text in another class': {
    value: new SameTextTwo(new SameTextOne()),
    behave: (value) => [value.one.say(), value.one.back()],
  },
  'a static field': { value: WithStatic, behave: (value) => value.f() },
  'a method of a literal': {
    value: { literal, f: literal.make() },
    behave: ({ literal, f }) => {
      literal.word = 'changed';
      return f();
    },
  },
  'an exported instance': {
    value: instance,
    behave: (value) => [value.f(), value instanceof Exported],
    extra: { Exported },
  },
  'an instance in an exported list': { value: held, behave: (value) => value.f() },
  'functions with state on an exported object': {
    value: counters,
    behave: (value) => [value.add(), value.get()],
  },
});

// Instances that a module exports: the receiving program imports this file and has others.

export class Exported {
  k = 1;
  f = () => this.k;
}

export const instance = new Exported();
export const held = new Exported();

function makeCounters() {
  let count = 0;
  return { add: () => ++count, get: () => count };
}

export const counters = makeCounters();

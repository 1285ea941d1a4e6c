import { Node, Pipeline } from 'remotemedia';
import { Shout } from './nodes.mjs';

class Local extends Node {
  label = (text) => `> ${text}`;

  process(text) {
    return this.label(text);
  }
}

class Waiting extends Node {
  pool = { sockets: [Promise.resolve()] };

  process(text) {
    return text;
  }
}

export const shout = new Shout('!');
export const nodes = [new Local(), { node_type: 'PassThrough' }];
export const pipeline = new Pipeline([new Waiting()]);

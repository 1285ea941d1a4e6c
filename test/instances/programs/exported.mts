import { Node, Pipeline } from 'remotemedia';
import { Shout } from './nodes.mjs';

class Local extends Node<string, string> {
  readonly label = (text: string): string => `> ${text}`;

  process(text: string): string {
    return this.label(text);
  }
}

class Waiting extends Node<string, string> {
  readonly pool = { sockets: [Promise.resolve()] };

  process(text: string): string {
    return text;
  }
}

export const shout: Shout = new Shout('!');
export const nodes: readonly unknown[] = [new Local(), { node_type: 'PassThrough' }];
export const pipeline: Pipeline = new Pipeline([new Waiting()]);

import { Node } from 'remotemedia';

/** Exported: its class goes by reference. */
export class Shout extends Node {
  constructor(mark, options) {
    super(options);
    this.mark = mark;
  }

  process(text) {
    return `${text.toUpperCase()}${this.mark}`;
  }
}

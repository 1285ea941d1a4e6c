// The TypeScript node between two Python nodes.
import { Node } from 'remotemedia';

export class Step extends Node {
  process(item) {
    return item;
  }
}

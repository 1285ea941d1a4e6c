import { Node, type NodeOptions } from 'remotemedia';

export class Shout extends Node<string, string> {
  constructor(mark: string, options?: NodeOptions);
  process(text: string): string;
}

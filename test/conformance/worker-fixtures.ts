import { SourceNode, type AnyNode } from 'remotemedia';
import { makeFixture } from './fixtures.js';

/** The fixture nodes as classes that a host makes by their type; their params say id and journal as well. */

const journals = new Map<string, string[]>();

function journalOf(name: string): string[] {
  const journal = journals.get(name) ?? [];
  journals.set(name, journal);
  return journal;
}

interface FixtureParams extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly journal: string;
}

type FixtureClass = new (params: FixtureParams) => AnyNode;

function fixture(type: string): FixtureClass {
  const make = function ({ id, journal, ...params }: FixtureParams): AnyNode {
    return makeFixture({ id, type, params }, journalOf(journal));
  };
  return make as unknown as FixtureClass;
}

export const Identity: FixtureClass = fixture('Identity');
export const Double: FixtureClass = fixture('Double');
export const AddAsync: FixtureClass = fixture('AddAsync');
export const DropOdd: FixtureClass = fixture('DropOdd');
export const Repeat: FixtureClass = fixture('Repeat');
export const RepeatAsync: FixtureClass = fixture('RepeatAsync');
export const Pair: FixtureClass = fixture('Pair');
export const Null: FixtureClass = fixture('Null');
export const Text: FixtureClass = fixture('Text');
export const Iterator: FixtureClass = fixture('Iterator');
export const Batch: FixtureClass = fixture('Batch');
export const BatchAsync: FixtureClass = fixture('BatchAsync');
export const Hang: FixtureClass = fixture('Hang');
export const Linger: FixtureClass = fixture('Linger');
export const BargeIn: FixtureClass = fixture('BargeIn');
export const FlushMany: FixtureClass = fixture('FlushMany');
export const Sum: FixtureClass = fixture('Sum');
export const Take: FixtureClass = fixture('Take');
export const Count: FixtureClass = fixture('Count');
export const CountAsync: FixtureClass = fixture('CountAsync');
export const Endless: FixtureClass = fixture('Endless');
export const Overlap: FixtureClass = fixture('Overlap');
export const Filled: FixtureClass = fixture('Filled');
export const Scale: FixtureClass = fixture('Scale');
export const KeepAll: FixtureClass = fixture('KeepAll');
export const Refuse: FixtureClass = fixture('Refuse');
export const Explode: FixtureClass = fixture('Explode');

/** Gives what a journal holds. */
export class Journal extends SourceNode<readonly string[]> {
  readonly #name: string;

  constructor({ name }: { readonly name: string }) {
    super();
    this.#name = name;
  }

  *source(): Generator<readonly string[]> {
    yield journalOf(this.#name);
  }
}

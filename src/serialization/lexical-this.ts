import { selfOf } from './contexts.js';
import type { Encoder } from './encoder.js';

/** How far up the objects are that an arrow function mostly belongs to. */
const STEPS = 6;

/**
 * The object that `this` of an arrow function is: nothing but a snapshot of the heap shows it. `later` says that one will have been taken before the next pass.
 */
export function findOwner(encoder: Encoder, arrow: object): object | 'later' | undefined {
  const known = selfOf(arrow);
  if (known !== undefined) return known.value;
  if (encoder.heap.bind(arrow, above(encoder))) return selfOf(arrow)?.value;
  if (encoder.heap.isTooLarge) return undefined;
  encoder.unbound.add(arrow);
  return 'later';
}

/** The objects on the way to the current entry, the nearest first. */
function* above(encoder: Encoder): Generator<object> {
  let parent = encoder.parentOf(encoder.current);
  for (let step = 0; step < STEPS && parent !== undefined; step++) {
    if (typeof parent.entry === 'object') yield parent.entry;
    parent = encoder.parentOf(parent.id);
  }
}

import type { Encoder } from './encoder.js';

/** Writes the shape and the values of some properties into the content. */
export function writeProperties(
  encoder: Encoder,
  object: object,
  keys: readonly PropertyKey[],
  integrity: number,
): void {
  const shape = encoder.properties.collect(object, keys, integrity);
  encoder.contents.varint(shape.id);
  writeValues(encoder, shape.keys);
}

/** The values of the collected properties, as steps under their keys. */
export function writeValues(encoder: Encoder, keys: readonly PropertyKey[]): void {
  const { values, count } = encoder.properties;
  const isDirect = count === keys.length;
  for (let index = 0; index < count; index++)
    encoder.value(values[index], isDirect ? (keys[index] as PropertyKey) : accessorStep(keys, index));
}

function accessorStep(keys: readonly PropertyKey[], index: number): { text: string } {
  return { text: `accessor ${String(keys[Math.min(index, keys.length - 1)])}` };
}

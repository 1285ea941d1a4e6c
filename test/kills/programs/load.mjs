/** Numbers from 0 to 1 that a seed decides. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** Arrays of very different sizes without end. The first has a 0 in front. */
export async function* arrays(random) {
  yield new Float32Array(10);
  for (;;) yield new Float32Array(1 + Math.floor(random() ** 4 * 400_000)).fill(1);
}

// What all benchmarks share: medians of interleaved rounds, and one line of JSON per figure.

/** The median of some numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** A percentile (0 to 100) of some numbers. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN;
}

/**
 * Runs all variants in turn, round after round, so that a machine whose speed drifts slows them all.
 * @param variants - name → function that gives a duration in any unit
 * @returns name → median
 */
export async function interleave(variants, rounds, warmUp = 2) {
  const durations = new Map(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      const duration = await run();
      if (round >= warmUp) durations.get(name).push(duration);
    }
  }
  return Object.fromEntries([...durations].map(([name, values]) => [name, median(values)]));
}

/** How long a function takes, in milliseconds. */
export async function timed(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/**
 * Reports a figure.
 * @param figure - `{figure, ours, unit, peer?, peerName?, limit?, isMet}`
 */
export function report(figure) {
  process.stdout.write(`${JSON.stringify(figure)}\n`);
}

/** Random numbers from 0 to 1: the same ones for the same seed. */
export function randomOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

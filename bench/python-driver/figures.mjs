// Figures of variants that may be missing: a peer that is not installed, a run that fails.
import { interleave, report } from '../measure.mjs';

/**
 * Measures variants in turn, as `interleave` does; one that fails is left out from then on.
 * @param variants - name → function that gives a duration, or `undefined` for what is not there
 * @returns name → median, or `undefined`
 */
export async function together(variants, rounds, warmUp = 2) {
  const there = Object.entries(variants).filter(([, run]) => run !== undefined);
  const guarded = there.map(([name, run]) => [name, untilItFails(name, run)]);
  const medians = await interleave(Object.fromEntries(guarded), rounds, warmUp);
  return Object.fromEntries(Object.entries(medians).filter(([, value]) => !Number.isNaN(value)));
}

function untilItFails(name, run) {
  let hasFailed = false;
  return async () => {
    if (hasFailed) return NaN;
    try {
      return await run();
    } catch (error) {
      hasFailed = true;
      process.exitCode = 1;
      console.error(`${name} failed: ${error.message}`);
      return NaN;
    }
  };
}

/**
 * Reports ours beside a peer.
 * @param figure - `{figure, unit, ours, peer, peerName, atMost?}`: `atMost` is the largest ratio; without it the figure is shown
 */
export function compare({ atMost, peerName, ...figure }) {
  const hasPeer = figure.peer !== undefined;
  report({
    ...figure,
    peerName: hasPeer ? peerName : `${peerName} (not there)`,
    limit: atMost === undefined ? 'shown' : `≤ ${atMost} ×`,
    isMet: isMet(figure, (limit) => figure.ours <= limit * figure.peer, atMost),
  });
}

/**
 * Reports ours beside a number, whatever a peer needs.
 * @param figure - `{figure, unit, ours, peer?, peerName?, atMost?}`: `atMost` is in the unit
 */
export function bound({ atMost, ...figure }) {
  report({
    ...figure,
    limit: atMost === undefined ? 'shown' : `≤ ${atMost} ${figure.unit}`,
    isMet: figure.ours !== undefined && (atMost === undefined || figure.ours <= atMost),
  });
}

/** `undefined` where there is nothing to compare with. */
function isMet({ ours, peer }, compareWith, atMost) {
  if (ours === undefined) return false;
  if (atMost === undefined) return true;
  return peer === undefined ? undefined : compareWith(atMost);
}

/** One step from a value to one inside it: the key of a property, or words for what is no property. */
export type Step = PropertyKey | { readonly text: string };

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
/** Longer paths are cut in the middle: the ends say most. */
const STEPS_SHOWN = 24;

/** Writes steps as a path: `pool.sockets[2]`, `onText → captured variable "db".pool`. */
export function formatPath(steps: readonly Step[]): string {
  if (steps.length <= STEPS_SHOWN) return join(steps);
  const half = STEPS_SHOWN / 2;
  const left = steps.length - STEPS_SHOWN;
  return `${join(steps.slice(0, half))} … ${left} more steps … ${join(steps.slice(-half))}`;
}

function join(steps: readonly Step[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'object') path += path === '' ? step.text : ` → ${step.text}`;
    else if (typeof step === 'number' || /^(?:0|[1-9]\d*)$/.test(String(step))) path += `[${String(step)}]`;
    else if (typeof step === 'symbol') path += `[${String(step)}]`;
    else if (!IDENTIFIER.test(step)) path += `[${JSON.stringify(step)}]`;
    else path += path === '' ? step : `.${step}`;
  }
  return path;
}

/** How a key of a Map reads in a path. */
export function formatMapKey(key: unknown, index: number): string {
  if ((typeof key === 'object' && key !== null) || typeof key === 'function')
    return `value of entry ${index}`;
  if (typeof key === 'string')
    return `value of ${JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key)}`;
  return `value of ${String(key)}`;
}

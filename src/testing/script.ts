import { InvalidArgumentError } from '../errors/index.js';
import { describeType } from '../node/index.js';
import { WRITE_OPTIONS, type WriteOptions } from '../runtime/index.js';

/** What each step of a script has. */
export interface Step {
  /** When it happens, in milliseconds from the moment when the session is open. */
  readonly atMs: number;
}

/** An item is written, in the way that the options of `session.write` say. */
export interface WriteStep<In = unknown> extends Step, WriteOptions {
  /** The item. */
  readonly write: In;
}

/** Everything is interrupted that was written before. */
export interface InterruptStep extends Step {
  /** Says what the step does. */
  readonly interrupt: true;
}

/** No more items come: nodes flush, and the session ends. */
export interface EndStep extends Step {
  /** Says what the step does. */
  readonly end: true;
}

/** The session is cancelled: nothing is flushed. */
export interface CancelStep extends Step {
  /** Says what the step does. */
  readonly cancel: true;
}

/** One thing that happens to a session. Plain data: a script can be written, kept and made by a program. */
export type ScriptStep<In = unknown> = WriteStep<In> | InterruptStep | EndStep | CancelStep;

const VERBS = ['write', 'interrupt', 'end', 'cancel'] as const;

/**
 * Steps that write items at regular times.
 *
 * @param periodMs - from one item to the next, in milliseconds
 * @param items - what is written
 * @param fromMs - when the first one is written. @defaultValue 0
 * @example
 * ```ts
 * await runScript(new Vad(), [...every(20, chunks), { atMs: 500, interrupt: true }]);
 * ```
 */
export function every<In>(periodMs: number, items: Iterable<In>, fromMs = 0): WriteStep<In>[] {
  return Array.from(items, (write, index) => ({ atMs: fromMs + index * periodMs, write }));
}

/**
 * The steps in the order of their times; those of one time stay in the order in which they were given. A script that does not say how
 * it ends, ends with its last step.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` that names the step that is none
 */
export function orderedScript<In>(script: Iterable<ScriptStep<In>>): ScriptStep<In>[] {
  const steps = [...script];
  for (const [index, step] of steps.entries()) checkStep(step, index);
  steps.sort((one, other) => one.atMs - other.atMs);
  if (!steps.some(isLast)) steps.push({ atMs: steps.at(-1)?.atMs ?? 0, end: true });
  return steps;
}

/** Whether nothing can be written after a step. */
function isLast(step: ScriptStep): boolean {
  return 'end' in step || 'cancel' in step;
}

function checkStep(step: unknown, index: number): void {
  const problem = stepProblem(step);
  if (problem === undefined) return;
  throw new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `Step ${String(index)} of the script ${problem}. A step is { atMs, write: item }, { atMs, interrupt: true }, { atMs, end: true } or { atMs, cancel: true }.`,
  );
}

function stepProblem(step: unknown): string | undefined {
  if (typeof step !== 'object' || step === null) return `is ${describeType(step)}`;
  const { atMs } = step as { readonly atMs?: unknown };
  if (typeof atMs !== 'number' || !Number.isFinite(atMs) || atMs < 0)
    return `has atMs ${typeof atMs === 'number' ? String(atMs) : describeType(atMs)}, which is no time from 0`;
  const verbs = VERBS.filter((verb) => verb in step);
  if (verbs.length !== 1) return `says ${verbs.join(' and ') || 'nothing to do'}`;
  const known = ['atMs', ...verbs, ...(verbs[0] === 'write' ? WRITE_OPTIONS : [])];
  const unknown = Object.keys(step).find((name) => !known.includes(name));
  return unknown === undefined ? undefined : `has "${unknown}", and there are ${known.join(', ')}`;
}

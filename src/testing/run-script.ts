import { InvalidArgumentError, RemoteMediaError } from '../errors/index.js';
import type { NodeLike, PerSession } from '../node/index.js';
import {
  Pipeline,
  type LiveSession,
  type OpenOptions,
  type RunMetrics,
  type SessionAccount,
} from '../runtime/index.js';
import type { DeadLetter } from '../segment/index.js';
import { inRealTime, inVirtualTime, type Clock } from './clock.js';
import { orderedScript, type ScriptStep } from './script.js';

/** Options of {@link runScript}. */
export interface ScriptOptions extends Omit<OpenOptions, 'maxPending' | 'accounting'> {
  /**
   * `virtual`: time stands still while anything is under way, and jumps to the next timer; all nodes must run in this program. `real`: the
   * clock on the wall, for nodes anywhere.
   *
   * @defaultValue `'virtual'`
   */
  readonly clock?: 'virtual' | 'real' | undefined;
  /** How long the script may take, in milliseconds of its clock. @defaultValue one minute more than its last step */
  readonly limitMs?: number | undefined;
  /** Whether what fails is told in the result instead of being thrown. @defaultValue false */
  readonly returnFailure?: boolean | undefined;
}

/** An output, and when it came. */
export interface TimedOutput<Out = unknown> {
  /** Milliseconds from the moment when the session was open. */
  readonly atMs: number;
  /** The output. */
  readonly value: Out;
}

/** What a script has brought. */
export interface ScriptResult<Out = unknown> {
  /** All outputs with their times, in the order in which they came. */
  readonly outputs: readonly TimedOutput<Out>[];
  /** The outputs alone. */
  readonly values: readonly Out[];
  /** When everything was done and cleaned up, in milliseconds from the moment when the session was open. */
  readonly endedAtMs: number;
  /** What ended the session, where it failed and `returnFailure` is on; else `undefined`. */
  readonly failure: unknown;
  /** Counts, and durations where `enableMetrics` is on; `undefined` where the session did not open. */
  readonly metrics: RunMetrics | undefined;
  /** The items that nodes with the failure policy `skip` have failed for. */
  readonly deadLetters: readonly DeadLetter[];
  /** What became of each item that the script wrote; `undefined` where the session did not open. */
  readonly account: SessionAccount | undefined;
}

const LIMIT_AFTER_LAST_STEP_MS = 60_000;

/**
 * Opens a session of one node or a pipeline, does to it what a script says, and collects the outputs with their times. By the virtual clock
 * this takes no longer than the work itself, and gives the same times on each machine.
 *
 * Nothing waits for room at the input: what a script writes is written at its time.
 *
 * @param what - a node, or a pipeline
 * @param script - the steps, as data; without a step that ends it, the session ends with the last one
 * @throws NodeError `RM_NODE_FAILED` where a node fails; RemoteMediaError `RM_SCRIPT_FAILED` where the script does not come to its end;
 * `RM_EXECUTOR_UNAVAILABLE` where a node would run elsewhere and the clock is virtual
 * @example
 * ```ts
 * const { outputs } = await runScript(new Debounce(50), [
 *   { atMs: 0, write: 'h' },
 *   { atMs: 10, write: 'hi' },
 * ]);
 * // [{ atMs: 60, value: 'hi' }]
 * ```
 */
export async function runScript<In, Out>(
  what: Pipeline<In, Out> | NodeLike<In, Out> | PerSession<In, Out>,
  script: Iterable<ScriptStep<In>>,
  options: ScriptOptions = {},
): Promise<ScriptResult<Out>> {
  const pipeline = what instanceof Pipeline ? what : Pipeline.from<In, Out>(what);
  const steps = orderedScript(script);
  const { clock = 'virtual', limitMs = (steps.at(-1)?.atMs ?? 0) + LIMIT_AFTER_LAST_STEP_MS } = options;
  checkOptions(clock, limitMs);
  if (clock === 'virtual') await checkPlaces(pipeline);
  const run = clock === 'virtual' ? inVirtualTime : inRealTime;
  return run({
    limitMs,
    work: (time, signal) => new Playing<In, Out>(pipeline, time, options).run(steps, signal),
  });
}

/** A script that is being played. */
class Playing<In, Out> {
  readonly #pipeline: Pipeline<In, Out>;
  readonly #clock: Clock;
  readonly #options: ScriptOptions;
  readonly #outputs: TimedOutput<Out>[] = [];
  readonly #deadLetters: DeadLetter[] = [];
  #session: LiveSession<In, Out> | undefined;
  #openedAt = 0;

  constructor(pipeline: Pipeline<In, Out>, clock: Clock, options: ScriptOptions) {
    this.#pipeline = pipeline;
    this.#clock = clock;
    this.#options = options;
  }

  async run(steps: readonly ScriptStep<In>[], given: AbortSignal): Promise<ScriptResult<Out>> {
    const { clock = 'virtual', limitMs: _limitMs, returnFailure = false, ...options } = this.#options;
    // What looks at a session again and again would keep a virtual clock going for ever.
    const unwatched = clock === 'virtual' ? { stuckAfterMs: 0 } : {};
    const signal = options.signal === undefined ? given : whicheverFirst(given, options.signal);
    let failure: unknown;
    try {
      await this.#play(steps, { ...unwatched, ...options, signal });
    } catch (error) {
      if (given.aborted) throw givenUp(given.reason as RemoteMediaError, error);
      if (!returnFailure) throw error;
      failure = error;
    }
    return {
      outputs: this.#outputs,
      values: this.#outputs.map(({ value }) => value),
      endedAtMs: this.#elapsedMs(),
      failure,
      metrics: this.#session?.metrics(),
      deadLetters: this.#deadLetters,
      account: this.#session?.account(),
    };
  }

  async #play(steps: readonly ScriptStep<In>[], options: OpenOptions): Promise<void> {
    const maxPending = Math.max(1, steps.filter((step) => 'write' in step).length);
    this.#openedAt = this.#clock.now();
    const onDeadLetter = (letter: DeadLetter): void => {
      this.#deadLetters.push(letter);
      options.onDeadLetter?.(letter);
    };
    const opening = { ...options, maxPending, onDeadLetter, accounting: true };
    const session = (this.#session = await this.#pipeline.open(opening));
    this.#openedAt = this.#clock.now();
    const over = new AbortController();
    const playing = this.#follow(steps, session, over.signal);
    // Told once the outputs have been read.
    playing.catch(() => undefined);
    try {
      for await (const value of session) this.#outputs.push({ atMs: this.#elapsedMs(), value });
    } finally {
      over.abort();
      // The rest of the script is for a session that is no more.
      await playing;
    }
  }

  /** Does each step at its time, unless the session is over. */
  async #follow(
    steps: readonly ScriptStep<In>[],
    session: LiveSession<In, Out>,
    over: AbortSignal,
  ): Promise<void> {
    const left = new Promise<void>((resolve) => {
      over.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
    for (const step of steps) {
      const waitMs = step.atMs - this.#elapsedMs();
      if (waitMs > 0) await Promise.race([this.#clock.wait(waitMs, over), left]);
      if (over.aborted || !(await take(step, session))) return;
    }
  }

  /** To the microsecond, so that what floats make of 0.1 + 0.2 is not seen. */
  #elapsedMs(): number {
    return Math.round((this.#clock.now() - this.#openedAt) * 1e3) / 1e3;
  }
}

/** Whether the session went on to take the step. */
async function take<In>(step: ScriptStep<In>, session: LiveSession<In, unknown>): Promise<boolean> {
  if ('interrupt' in step) session.interrupt();
  else if ('end' in step) session.end();
  else if ('cancel' in step) await session.cancel();
  else {
    const { write, atMs: _atMs, ...how } = step;
    try {
      void session.write(write, how);
    } catch (error) {
      // What ended it is told by its outputs.
      if (error instanceof RemoteMediaError && error.code === 'RM_SESSION_ENDED') return false;
      await session.cancel(error);
      throw error;
    }
  }
  return true;
}

/** What `AbortSignal.any` does in Node.js 20.3 and newer. */
function whicheverFirst(...signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    const abort = (): void => {
      controller.abort(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return controller.signal;
}

/** Why the script does not come to its end; what happened when it was cancelled for that names the node that does not return. */
function givenUp(reason: RemoteMediaError, error: unknown): RemoteMediaError {
  if (error !== reason) reason.cause = error;
  return reason;
}

function checkOptions(clock: unknown, limitMs: number): void {
  if (clock !== 'virtual' && clock !== 'real') {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `clock must be 'virtual' or 'real', got ${JSON.stringify(clock)}.`,
    );
  }
  if (!(limitMs > 0)) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `limitMs must be a number above 0, got ${limitMs}.`,
    );
  }
}

/** A virtual clock is one of this program: other processes would live by another one. */
async function checkPlaces(pipeline: Pipeline<never, unknown>): Promise<void> {
  const { nodes } = await pipeline.plan();
  const here = nodes.find(({ id }) => id === '(output)')?.host;
  const away = nodes.find(({ host }) => host !== here);
  if (away === undefined) return;
  throw new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${away.id}" would run in another host (${away.host}: ${away.why}), which the virtual clock does not reach. Give the script a node of this program (executor: 'in-process'), or run it with clock: 'real'.`,
    { nodeId: away.id, host: away.host },
  );
}

import { InProcessHost } from '../hosts/index.js';
import { defaultLogger, type Logger } from '../logging/index.js';
import { CollectSink, type DeadLetter } from '../segment/index.js';
import type { PipelineDefinition } from './definition.js';
import type { RunInput } from './input.js';
import { resolvePipeline } from './resolve/resolve.js';
import { Session, type RunMetrics } from './session/session.js';
import { watchOf, type WatchOptions } from './watch-options.js';

/** Options of every run. */
export interface RunOptions extends WatchOptions {
  /** Cancels the run: the caller sees `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Where the run and its nodes log to. @defaultValue lines on stderr where `REMOTEMEDIA_LOG` names a level, else nothing */
  readonly logger?: Logger | undefined;
  /** Measures the nodes; the result is then `{ outputs, metrics }`. @defaultValue false */
  readonly enableMetrics?: boolean | undefined;
  /**
   * Called for each item that a node with the failure policy `skip` has failed for. What it throws fails the run.
   *
   * @defaultValue each is logged as a warning
   */
  readonly onDeadLetter?: ((letter: DeadLetter) => void) | undefined;
  /**
   * Brings the state home that nodes in workers and processes have at the end: it becomes that of the original objects. The option of a node
   * goes before. @defaultValue false
   */
  readonly returnState?: boolean | undefined;
}

/** The result of a run with `enableMetrics`. */
export interface PipelineResult {
  /** What the call gives without `enableMetrics`, in the same form. */
  readonly outputs: unknown;
  /** Counts and durations of the whole run. */
  readonly metrics: RunMetrics;
}

/** `unwrapped`: the bare output where there is exactly one, and nothing where there is neither input nor output. */
export type ResultForm = 'unwrapped' | 'list';

/** Runs a pipeline to its end and gives its outputs in the form that the caller promises. */
export async function runToEnd(
  definition: PipelineDefinition,
  input: RunInput,
  options: RunOptions,
  form: ResultForm,
): Promise<unknown> {
  options.signal?.throwIfAborted();
  const driver = new InProcessHost();
  const logger = options.logger ?? defaultLogger();
  const { returnState = false } = options;
  const watch = watchOf(options, false);
  const pipeline = await resolvePipeline(definition, driver, { logger, returnState, watch });
  try {
    const sink = new CollectSink();
    const session = new Session(pipeline, input, {
      driver,
      output: sink,
      logger,
      isMetered: options.enableMetrics ?? false,
      signal: options.signal,
      isInterruptible: true,
      onDeadLetter: options.onDeadLetter,
      watch,
    });
    await session.execute();
    const outputs = inForm(sink.outputs, form, input.isGiven);
    return options.enableMetrics === true ? { outputs, metrics: session.metrics() } : outputs;
  } finally {
    await pipeline.release();
  }
}

function inForm(outputs: unknown[], form: ResultForm, hasInput: boolean): unknown {
  if (form === 'list') return outputs;
  if (outputs.length === 1) return outputs[0];
  return outputs.length === 0 && !hasInput ? undefined : outputs;
}

import { keepStdoutFree } from '../hosts/index.js';
import { loadPipeline, type Pipeline } from '../runtime/index.js';
import { cancelOnSignals, InterruptedError } from './cancel.js';
import { EXIT } from './exit-code.js';
import type { InputFormat } from './input-format.js';
import { inputsOf, readInputs, type Input } from './input.js';
import { OutputWriter, ReaderLeftError } from './output.js';
import { Progress, type Outcome, type RunCounts } from './progress.js';
import { formatMetrics } from './table.js';

/** Options of `remotemedia run`. */
export interface RunCommandOptions {
  readonly input?: readonly string[];
  readonly inputFormat?: InputFormat;
  readonly output?: string;
  readonly metrics?: boolean;
}

/** `remotemedia run`: writes outputs as they come, so that those before a failure are there. */
export async function run(file: string, options: RunCommandOptions): Promise<number> {
  const inputs = inputsOf(options.input ?? [], options.inputFormat);
  const controller = new AbortController();
  keepStdoutFree();
  const stopListening = cancelOnSignals(controller);
  try {
    const pipeline = await loadPipeline(file);
    await execute(pipeline, inputs, options, controller);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ReaderLeftError) return EXIT.ok;
    if (error instanceof InterruptedError) return error.exitCode;
    throw error;
  } finally {
    stopListening();
  }
}

async function execute(
  pipeline: Pipeline,
  inputs: readonly Input[],
  options: RunCommandOptions,
  controller: AbortController,
): Promise<void> {
  const counts: RunCounts = { itemsIn: inputs.length === 0 ? undefined : 0, itemsOut: 0 };
  const writer = await OutputWriter.open(options.output);
  writer.onFailure = (failure) => controller.abort(failure);
  const outputs = pipeline.stream(
    inputs.length === 0 ? undefined : counted(readInputs(inputs, controller.signal), counts),
    {
      signal: controller.signal,
      enableMetrics: options.metrics ?? false,
    },
  );
  const progress = new Progress(counts, { writesToStdout: options.output === undefined });
  let outcome: Outcome = 'failed';
  try {
    await writeAll(outputs, writer, progress, counts);
    outcome = 'done';
  } catch (error) {
    if (error instanceof InterruptedError) outcome = 'cancelled';
    if (error instanceof ReaderLeftError) outcome = 'unread';
    throw error;
  } finally {
    const closing = await closed(writer, outcome);
    progress.end(closing === undefined ? outcome : closing instanceof ReaderLeftError ? 'unread' : 'failed');
    if (options.metrics === true) process.stderr.write(formatMetrics(outputs.metrics()));
    if (closing !== undefined) throw closing;
  }
}

async function writeAll(
  outputs: AsyncIterable<unknown>,
  writer: OutputWriter,
  progress: Progress,
  counts: RunCounts,
): Promise<void> {
  for await (const output of outputs) {
    progress.makeRoom();
    const written = writer.write(output);
    if (written !== undefined) await written;
    counts.itemsOut++;
  }
}

/** Closes the output; its failure counts where the run itself had none. */
async function closed(writer: OutputWriter, outcome: Outcome): Promise<Error | undefined> {
  try {
    await writer.close();
    return undefined;
  } catch (error) {
    return outcome === 'done' ? (error as Error) : undefined;
  }
}

async function* counted(
  items: AsyncIterable<unknown>,
  counts: RunCounts,
): AsyncGenerator<unknown, void, undefined> {
  for await (const item of items) {
    counts.itemsIn = (counts.itemsIn ?? 0) + 1;
    yield item;
  }
}

import { basename } from 'node:path';
import { INPUT, OUTPUT } from '../plan/index.js';
import { loadPipeline } from '../runtime/index.js';
import { print } from './stdout.js';

/** `remotemedia validate`: everything that can be known without running: format, types, parameters, graph. */
export async function validate(file: string): Promise<void> {
  const pipeline = await loadPipeline(file);
  const { nodes, segments } = await pipeline.plan();
  const own = nodes.filter(({ id }) => id !== INPUT && id !== OUTPUT);
  await print(
    `${basename(file)}: ok, ${count(own.length, 'node')} in ${count(segments.length, 'segment')}\n`,
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

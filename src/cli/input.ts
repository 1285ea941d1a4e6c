import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { AudioFrame } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { WavDecoder } from '../nodes/index.js';
import { UsageError } from './exit-code.js';
import { inputFormatOf, STANDARD_INPUT, type InputFormat } from './input-format.js';

/** A file or standard input, and how to read it. */
export interface Input {
  readonly path: string;
  readonly format: InputFormat;
}

/**
 * What the `--input` options name, checked before anything runs.
 *
 * @throws UsageError where there is no such file, or nothing says how to read it.
 */
export function inputsOf(paths: readonly string[], asked: InputFormat | undefined): Input[] {
  if (paths.filter((path) => path === STANDARD_INPUT).length > 1)
    throw new UsageError('--input - can only be given once.');
  return paths.map((path) => {
    if (path !== STANDARD_INPUT) {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) throw new UsageError(`--input ${path}: there is no such file.`);
      if (stats.isDirectory()) throw new UsageError(`--input ${path} is a folder.`);
    }
    return { path, format: inputFormatOf(path, asked) };
  });
}

/** The items of all inputs, one input after the other; an abort ends the wait for the next one. */
export async function* readInputs(
  inputs: readonly Input[],
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  for (const { path, format } of inputs) {
    if (format === 'wav' && path !== STANDARD_INPUT) {
      yield* readWav(path);
      continue;
    }
    const stream: Readable = path === STANDARD_INPUT ? process.stdin : createReadStream(path);
    const stop = (): void => void stream.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* READERS[format](stream, path === STANDARD_INPUT ? 'standard input' : path);
    } finally {
      signal.removeEventListener('abort', stop);
      stream.destroy();
    }
  }
}

type Reader = (stream: Readable, name: string) => AsyncGenerator<unknown, void, undefined>;

const READERS: Readonly<Record<InputFormat, Reader>> = {
  text: readLines,
  jsonl: readJsonLines,
  json: readJson,
  wav: async function* (stream) {
    yield* readWav(await buffer(stream));
  },
};

async function* readLines(stream: Readable): AsyncGenerator<string, void, undefined> {
  let rest = '';
  let isFirst = true;
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const text = isFirst ? withoutByteOrderMark(chunk) : chunk;
    isFirst = false;
    if (!text.includes('\n')) {
      rest += text;
      continue;
    }
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

async function* readJsonLines(stream: Readable, name: string): AsyncGenerator<unknown, void, undefined> {
  let number = 0;
  for await (const line of readLines(stream)) {
    number++;
    if (line.trim() !== '') yield parseJson(line, `${name}:${number}`);
  }
}

async function* readJson(stream: Readable, name: string): AsyncGenerator<unknown, void, undefined> {
  yield parseJson(withoutByteOrderMark(await text(stream)), name);
}

async function* readWav(file: string | Buffer): AsyncGenerator<AudioFrame, void, undefined> {
  const decoder = new WavDecoder();
  await decoder.initialize();
  yield* decoder.process(file);
}

function withoutByteOrderMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}

function parseJson(json: string, place: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new RemoteMediaError('RM_INVALID_INPUT', `${place} is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

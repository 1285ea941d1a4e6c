// Speech as it is spoken: 20 ms of audio come every 20 ms, utterances are printed as they end, and one that begins to be recognized makes the
// work on the one before it stale. All sessions share one recognizer, which is a live object of a kept Python process.
//
//   node --import tsx examples/live-voice/main.ts [FILE.wav] [--sessions 20]
//   arecord -q -t raw -f S16_LE -r 16000 -c 1 | node --import tsx examples/live-voice/main.ts -
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AudioFrame,
  Chunker,
  executePipeline,
  Node,
  Pipeline,
  Resampler,
  startPythonHost,
  WavSource,
  type NodeContext,
} from 'remotemedia';

const CHUNK_MS = 20;
const SAMPLE_RATE = 16_000;
const CHUNK_BYTES = (SAMPLE_RATE * 2 * CHUNK_MS) / 1000;

interface Recognized {
  readonly startUs: number;
  readonly endUs: number;
  readonly text: string;
}

/** What was said before does not count any more, once something new is. */
class BargeIn extends Node<AudioFrame, AudioFrame> {
  process(utterance: AudioFrame, context: NodeContext): AudioFrame {
    context.interrupt();
    return utterance;
  }
}

const folder = fileURLToPath(new URL('../voice', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { sessions: { type: 'string', default: '1' } },
});
const path = positionals[0] ?? `${folder}/recordings/austen-0890.wav`;
const sessionCount = Number(values.sessions);
const latencies: number[] = [];

await using listening = await startPythonHost({ name: 'listening', path: [folder] });
await using recognizing = await startPythonHost({ name: 'recognizing', path: [folder] });
const recognizer = await recognizing.create({ module: 'voice_nodes', class: 'Recognizer' });
const fromFile = path === '-' ? undefined : await chunksOfFile(path);
await Promise.all(Array.from({ length: sessionCount }, (_, index) => listen(index + 1)));
latencies.sort((first, second) => first - second);
console.log(
  `${String(latencies.length)} utterances; from the end of one to its text: p50 ${percentile(50)} ms, p99 ${percentile(99)} ms`,
);

/** One session, from its first chunk to its end. */
async function listen(number: number): Promise<void> {
  // Each has a detector of its own, which knows what came before.
  const detector = await listening.create({ module: 'voice_nodes', class: 'SpeechDetector' });
  const pipeline = new Pipeline<AudioFrame, Recognized>([detector, new BargeIn(), recognizer]);
  await using session = await pipeline.open({ sessionId: String(number) });
  const writing = (async () => {
    for await (const chunk of fromFile === undefined ? chunksOfInput() : atRealTime(fromFile))
      await session.write(chunk);
    session.end();
  })();
  const startedAt = performance.now();
  for await (const { startUs, endUs, text } of session) {
    latencies.push(performance.now() - startedAt - endUs / 1000);
    const name = sessionCount > 1 ? `${session.id.padStart(3)}  ` : '';
    console.log(`${name}${seconds(startUs)} ${seconds(endUs)}  ${text}`);
  }
  await writing;
}

async function chunksOfFile(file: string): Promise<AudioFrame[]> {
  const nodes = [
    new WavSource({ path: file }),
    new Resampler({ sampleRate: SAMPLE_RATE }),
    new Chunker({ durationMs: CHUNK_MS }),
  ];
  return (await executePipeline(nodes)) as AudioFrame[];
}

/** A chunk when its time has come, as a microphone gives it. */
async function* atRealTime(chunks: readonly AudioFrame[]): AsyncGenerator<AudioFrame> {
  const startedAt = performance.now();
  for (const [index, chunk] of chunks.entries()) {
    await sleep(Math.max(0, startedAt + (index + 1) * CHUNK_MS - performance.now()));
    yield chunk;
  }
}

/** Standard input: 16-bit samples, little-endian, one channel, 16 kHz. */
async function* chunksOfInput(): AsyncGenerator<AudioFrame> {
  let pending = Buffer.alloc(0);
  let count = 0;
  for await (const bytes of process.stdin) {
    pending = Buffer.concat([pending, bytes as Buffer]);
    for (; pending.byteLength >= CHUNK_BYTES; pending = pending.subarray(CHUNK_BYTES)) {
      const data = new Float32Array(CHUNK_BYTES / 2).map(
        (_, index) => pending.readInt16LE(2 * index) / 32_768,
      );
      yield new AudioFrame({ data, sampleRate: SAMPLE_RATE, timestampUs: count++ * CHUNK_MS * 1000 });
    }
  }
}

function seconds(timeUs: number): string {
  return (timeUs / 1e6).toFixed(2).padStart(6);
}

function percentile(percent: number): string {
  return (latencies[Math.floor(((latencies.length - 1) * percent) / 100)] ?? 0).toFixed(0);
}

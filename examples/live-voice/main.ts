// Speech as it is spoken: 20 ms of audio come every 20 ms, utterances are printed as they end, and one that begins to be recognized makes the
// work on the one before it stale. All sessions share one process that listens, and one recognizer, which is a live object of a kept Python
// process. Of several sessions each speaks in its turn, and all are heard all the time.
//
//   node --import tsx examples/live-voice/main.ts [FILE.wav] [--sessions 20] [--turn-ms 1500]
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
  type LiveSession,
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
  options: { sessions: { type: 'string', default: '1' }, 'turn-ms': { type: 'string', default: '1500' } },
});
const path = positionals[0] ?? `${folder}/recordings/austen-0890.wav`;
const sessionCount = wholeNumber('--sessions', values.sessions, 1);
const turnMs = wholeNumber('--turn-ms', values['turn-ms'], 0);
const latencies: number[] = [];
/** How long after its time the latest chunk was taken. */
let latestMs = 0;

await using listening = await startPythonHost({
  name: 'listening',
  path: [folder],
  // To wait for each other the threads of the detector's library would take twenty times as long as the work itself.
  env: { OMP_THREAD_LIMIT: '1' },
});
await using recognizing = await startPythonHost({ name: 'recognizing', path: [folder] });
const recognizer = await recognizing.create({ module: 'voice_nodes', class: 'Recognizer' });
const fromFile = path === '-' ? undefined : await chunksOfFile(path);
await Promise.all(Array.from({ length: sessionCount }, (_, index) => listen(index + 1)));
latencies.sort((first, second) => first - second);
const times = `; from the end of one to its text: p50 ${percentile(50)} ms, p99 ${percentile(99)} ms`;
console.log(`utterances: ${String(latencies.length)}${latencies.length === 0 ? '' : times}`);
if (fromFile !== undefined)
  console.log(`chunks were taken at most ${latestMs.toFixed(0)} ms after their time`);

/** One session, from its first chunk to its end. */
async function listen(number: number): Promise<void> {
  // Each has a detector of its own, which knows what came before.
  const detector = await listening.create({ module: 'voice_nodes', class: 'SpeechDetector' });
  const pipeline = new Pipeline<AudioFrame, Recognized>([detector, new BargeIn(), recognizer]);
  await using session = await pipeline.open({ sessionId: String(number) });
  const startedAt = performance.now();
  const writing = (async () => {
    if (fromFile === undefined) for await (const chunk of chunksOfInput()) await session.write(chunk);
    else await speak(session, inTurn(fromFile, number), startedAt);
    session.end();
  })();
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

/** The speech of one of several that speak in turn: silence while it is the turn of others. */
function inTurn(chunks: readonly AudioFrame[], number: number): AudioFrame[] {
  const turnChunks = Math.round(turnMs / CHUNK_MS);
  const before = silence((number - 1) * turnChunks);
  const after = silence((sessionCount - number) * turnChunks);
  return [...before, ...chunks, ...after];
}

function silence(count: number): AudioFrame[] {
  const data = new Float32Array(CHUNK_BYTES / 2);
  return Array.from({ length: count }, () => new AudioFrame({ data, sampleRate: SAMPLE_RATE }));
}

/** Writes each chunk when its time has come, as a microphone gives it. */
async function speak(
  session: LiveSession<AudioFrame, Recognized>,
  chunks: readonly AudioFrame[],
  startedAt: number,
): Promise<void> {
  for (const [index, chunk] of chunks.entries()) {
    const dueAt = startedAt + (index + 1) * CHUNK_MS;
    await sleep(Math.max(0, dueAt - performance.now()));
    await session.write(chunk);
    latestMs = Math.max(latestMs, performance.now() - dueAt);
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

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  console.error(`${option} is a whole number from ${String(least)}, not "${text}".`);
  process.exit(2);
}

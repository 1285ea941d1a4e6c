// 100 runs at once, each with a chunk of 20 ms of audio every 20 ms through three Python hosts. The latency of a chunk runs from
// the moment at which it is due until it is out here again: lateness of timers and of a busy program counts.
// `node bench/sessions.mjs SECONDS SESSIONS` sets how long and how many.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AudioFrame, Node, Pipeline, startPythonHost } from 'remotemedia';
import { percentile, report } from './measure.mjs';

const SECONDS = Number(process.argv[2] ?? 10);
const SESSIONS = Number(process.argv[3] ?? 100);
const CHUNK_MS = 20;
const SAMPLE_RATE = 16_000;
const CHUNK_FRAMES = (SAMPLE_RATE * CHUNK_MS) / 1000;
const WARM_UP_CHUNKS = 25;
const CHUNKS = WARM_UP_CHUNKS + (SECONDS * 1000) / CHUNK_MS;
const file = join(import.meta.dirname, 'bulk', 'nodes.py');

/** What is left without hosts: the timers, and this program. */
class Here extends Node {
  process(chunk) {
    return chunk;
  }
}

const hosts = await Promise.all(['first', 'second', 'third'].map((name) => startPythonHost({ name })));
const away = () => Promise.all(hosts.map((host) => host.create({ file, class: 'Pass' })));
const ours = await allSessions(away);
const here = await allSessions(async () => [new Here()]);
for (const [figure, percent, atMost] of [
  [`20 ms audio chunks through 3 hosts, ${SESSIONS} sessions at once in real time: latency, p50`, 50],
  ['… p99', 99, 5],
  ['… p99.9', 99.9],
]) {
  const latency = percentile(ours, percent);
  report({
    figure,
    ours: latency,
    peer: percentile(here, percent),
    peerName: 'the same with one node of this program',
    unit: 'ms',
    limit: atMost === undefined ? 'shown' : `≤ ${atMost} ms`,
    isMet: atMost === undefined || latency <= atMost,
  });
}
process.exit();

/** Latencies in ms of all chunks of all sessions. Time begins when every session has passed a chunk. */
async function allSessions(makeNodes) {
  const pipelines = await Promise.all(
    Array.from({ length: SESSIONS }, async () => new Pipeline(await makeNodes())),
  );
  let begin;
  const begun = new Promise((resolve) => (begin = resolve));
  let open = 0;
  const isOpen = () => {
    if (++open === SESSIONS) begin(performance.now() + CHUNK_MS);
  };
  // They begin at even distances.
  const latencies = await Promise.all(
    pipelines.map((pipeline, index) => session(pipeline, (index * CHUNK_MS) / SESSIONS, begun, isOpen)),
  );
  return latencies.flat();
}

async function session(pipeline, offsetMs, begun, isOpen) {
  let start;
  const dueAt = (chunk) => start + chunk * CHUNK_MS;
  async function* microphone() {
    yield chunkOf(-1);
    start = (await begun) + offsetMs;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      // A timer may come up to a millisecond early.
      for (let wait; (wait = dueAt(chunk) - performance.now()) > 0;) await sleep(wait);
      yield chunkOf(chunk);
    }
  }
  const latencies = [];
  for await (const { timestampUs, numberOfFrames } of pipeline.stream(microphone())) {
    if (numberOfFrames !== CHUNK_FRAMES) throw new Error('a chunk was cut');
    const chunk = timestampUs / 1000 / CHUNK_MS;
    if (chunk < 0) isOpen();
    if (chunk >= WARM_UP_CHUNKS) latencies.push(performance.now() - dueAt(chunk));
  }
  if (latencies.length !== CHUNKS - WARM_UP_CHUNKS) throw new Error(`${latencies.length} chunks came out`);
  return latencies;
}

function chunkOf(index) {
  const data = new Float32Array(CHUNK_FRAMES).fill(0.25);
  return new AudioFrame({ data, sampleRate: SAMPLE_RATE, timestampUs: index * CHUNK_MS * 1000 });
}

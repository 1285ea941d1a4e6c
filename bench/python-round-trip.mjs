// One item to a Python node and back, beside a raw ping-pong over a Unix socket between the same two programs.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Packr } from 'msgpackr';
import { Pipeline, startPythonHost } from 'remotemedia';
import { interleave, percentile, report } from './measure.mjs';

const ROUND_TRIPS = 5000;
const python = await startPythonHost();
const echo = await python.create({
  source: 'class Echo:\n    def process(self, item):\n        return item\n',
});

let lastP99 = {};

async function ours() {
  const durations = [];
  let start = 0;
  let answered;
  async function* input() {
    for (let index = 0; index < ROUND_TRIPS; index++) {
      const answer = new Promise((resolve) => (answered = resolve));
      start = performance.now();
      yield index;
      await answer;
    }
  }
  for await (const item of new Pipeline().pipe(echo).stream(input())) {
    durations.push((performance.now() - start) * 1e3);
    answered(item);
  }
  lastP99.ours = percentile(durations, 99);
  return percentile(durations, 50);
}

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-bench-'));
const path = join(folder, 'raw');
const packr = new Packr({ useRecords: false });
const socket = await new Promise((resolve) => {
  createServer(resolve).listen(path, () => {
    spawn(python.interpreter.path, [fileURLToPath(new URL('raw_echo.py', import.meta.url)), path], {
      stdio: 'inherit',
    });
  });
});

function raw() {
  return new Promise((resolve) => {
    const durations = [];
    let start = 0;
    const send = () => {
      start = performance.now();
      const payload = packr.pack(durations.length);
      const frame = Buffer.allocUnsafe(payload.length + 4);
      frame.writeUInt32LE(payload.length);
      payload.copy(frame, 4);
      socket.write(frame);
    };
    socket.removeAllListeners('data');
    socket.on('data', (chunk) => {
      packr.unpack(chunk.subarray(4, 4 + chunk.readUInt32LE()));
      durations.push((performance.now() - start) * 1e3);
      if (durations.length < ROUND_TRIPS) return send();
      lastP99.raw = percentile(durations, 99);
      resolve(percentile(durations, 50));
    });
    send();
  });
}

const medians = await interleave({ raw, ours }, 9);
report({
  figure: 'one item to a Python node and back, p50',
  ours: medians.ours,
  peer: medians.raw,
  peerName: 'raw socket ping-pong',
  unit: 'µs',
  limit: '≤ 1.5 ×',
  isMet: medians.ours <= 1.5 * medians.raw,
});
report({
  figure: '… p99 of the last round',
  ours: lastP99.ours,
  peer: lastP99.raw,
  peerName: 'raw socket ping-pong',
  unit: 'µs',
  limit: 'shown',
  isMet: true,
});
socket.destroy();
rmSync(folder, { recursive: true });
process.exit();

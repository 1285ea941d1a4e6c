// The value goes from this thread to a worker thread, whose answer is printed.
import { Worker } from 'node:worker_threads';
import { serialize } from 'remotemedia/serialization';
import { Point } from '../by-reference.mjs';

let calls = 0;
const value = { point: new Point(3, 4), count: () => ++calls, samples: new Float32Array(5000).fill(2) };
const behave = ({ point, count, samples }) => [point.length, count(), count(), samples.length, samples[4999]];
const buffers = [];
const bytes = await serialize({ value, behave }, { buffers, key: 'token' });
const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { bytes, buffers } });
worker.once('message', (here) => {
  process.stdout.write(JSON.stringify({ expected: behave(value), here, outOfBand: buffers.length }));
});

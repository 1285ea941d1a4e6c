import { parentPort, workerData } from 'node:worker_threads';
import { deserialize } from 'remotemedia/serialization';

const { bytes, buffers } = workerData;
const { value, behave } = await deserialize(bytes, { buffers, key: 'token' });
parentPort.postMessage(behave(value));

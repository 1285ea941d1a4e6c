import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultLogger } from '../logging/index.js';
import { RunState } from '../segment/index.js';
import { encodeFrame, FRAME } from '../wire/index.js';
import { ChannelSender } from './sender.js';

let folder: string;
let server: Server;
let consumer: Promise<Socket>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sender-'));
  server = createServer();
  consumer = new Promise((resolve) => server.once('connection', resolve));
  server.listen(join(folder, 's'));
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

it.each([[null], [5], [[1]], [[1, 2, 3]], [['1', 2]], [[-1, 0]], [[0.5, 0]], [[2, 0]], [[0, 10_000]]])(
  'credit of %j, which is none or more than is out, ends the run',
  async (credit) => {
    const run = new RunState(defaultLogger(), false);
    const sender = new ChannelSender(
      {
        id: 'c',
        token: 't',
        consumer: 'liar',
        to: 'node',
        isBulk: false,
        giving: { isShared: false, canPassOn: false, canGiveAway: false },
        address: () => Promise.resolve(`unix:${join(folder, 's')}`),
      },
      run,
    );
    await sender.connect();
    const socket = await consumer;
    socket.resume();
    void sender.push('item');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(encodeFrame(FRAME.CREDIT, credit));
    await closed;
    expect(run.failures).toEqual([
      expect.objectContaining({
        code: 'RM_PROTOCOL',
        message: 'Channel c to liar broke: a CREDIT is not two numbers, of no more than is out',
      }),
    ]);
  },
);

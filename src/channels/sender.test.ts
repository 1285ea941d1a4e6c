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

function senderOf(run: RunState, consumer: string): ChannelSender {
  return new ChannelSender(
    {
      id: 'c',
      token: 't',
      consumer,
      to: 'node',
      isBulk: false,
      giving: { isShared: false, canPassOn: false, canGiveAway: false },
      address: () => Promise.resolve(`unix:${join(folder, 's')}`),
    },
    run,
  );
}

it.each([[null], [5], [[1]], [[1, 2, 3]], [['1', 2]], [[-1, 0]], [[0.5, 0]], [[2, 0]], [[0, 10_000]]])(
  'credit of %j, which is none or more than is out, ends the run',
  async (credit) => {
    const run = new RunState(defaultLogger(), false);
    const sender = senderOf(run, 'liar');
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

it('what is out and stale leaves room for what is new, up to four windows', async () => {
  const run = new RunState(defaultLogger(), false, true);
  const sender = senderOf(run, 'consumer');
  await sender.connect();
  (await consumer).resume();
  let stamp = 0;
  const push = (survives: boolean): Promise<void> | undefined => {
    run.tag = { stamp: ++stamp, survives };
    return sender.push('item');
  };
  const window = 64;
  for (let sent = 1; sent < window; sent++) expect(push(sent === 1)).toBeUndefined();
  const waits = push(false);
  expect(waits).toBeInstanceOf(Promise);

  run.interrupt(stamp + 1);
  await waits;
  // The first one has survived, and still counts.
  for (let sent = 2; sent < window; sent++) expect(push(false)).toBeUndefined();
  let room = push(false);
  expect(room).toBeInstanceOf(Promise);

  let interruptions = 0;
  for (let isThere = true; isThere; interruptions++) {
    run.interrupt(stamp + 1);
    const turn = new Promise((resolve) => setImmediate(resolve));
    isThere = (await Promise.race([room?.then(() => true), turn.then(() => false)])) === true;
    while (isThere && (room = push(false)) === undefined);
  }
  expect([stamp, interruptions]).toEqual([5 * window, 5]);
  sender.die();
});

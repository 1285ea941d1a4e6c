import { closeSync, fstatSync, openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Ends, MIB } from '../../test/fixtures/slab-ends.js';
import { Tensor } from '../data/index.js';
import { encodeFrame, FRAME, FrameReader, lowerMeasured } from '../wire/index.js';

const isLinux = process.platform === 'linux';

describe.skipIf(!isLinux)('bulk bytes of a channel', () => {
  let ends: Ends;

  beforeEach(() => {
    ends = new Ends();
  });

  it.each([
    new Uint8Array(40_000).fill(7),
    new Float64Array(5000).fill(0.5),
    new BigInt64Array(5000).fill(-1n),
    new Int16Array(50_001).fill(-3),
  ])('arrive in memory of their own, and their place goes back at once: %#', (array) => {
    const got = ends.cross(array) as typeof array;
    expect(got).toEqual(array);
    expect(got.byteLength).toBe(got.buffer.byteLength);
    ends.table.close();
    expect(ends.ledger.isLent).toBe(false);
  });

  it('count as bytes of their frame, though they are not in it', () => {
    const { value } = lowerMeasured(new Uint8Array(MIB), ends.ledger);
    ends.ledger.commit();
    const bytes = encodeFrame(FRAME.ITEMS, [value]);
    ends.frames.push(bytes);
    expect(bytes.byteLength).toBeLessThan(64);
    expect(ends.deliver()?.byteLength).toBe(bytes.byteLength - 5 + MIB);
  });

  it('of less than 32 KiB go inline', () => {
    expect(lowerMeasured(new Uint8Array(32_767), ends.ledger).slicedBytes).toBe(0);
    expect(lowerMeasured(new Uint8Array(32_768), ends.ledger).slicedBytes).toBe(32_768);
    ends.ledger.rollBack();
    expect(ends.ledger.isLent).toBe(false);
  });

  it('of a tensor are read when somebody asks, and stay as they were read', () => {
    const data = new Float32Array(MIB / 4).fill(3);
    const tensor = ends.cross(new Tensor('float32', [512, 512], data)) as Tensor;
    expect(ends.ledger.isLent).toBe(true);
    expect(tensor.size).toBe(MIB / 4);
    expect(Buffer.from(tensor.data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
    expect(tensor.data).toBe(tensor.data);
    tensor.data[0] = 9;
    expect(structuredClone(tensor).data[0]).toBe(9);
    ends.table.close();
    expect(ends.ledger.isLent).toBe(false);
  });

  it('of a tensor that nobody has read go on from where they lie', () => {
    const next = new Ends();
    const tensor = ends.cross(new Tensor('float32', [MIB / 4], new Float32Array(MIB / 4).fill(2))) as Tensor;
    const { value } = lowerMeasured(tensor, next.ledger);
    next.ledger.commit();
    const [slab] = next.frames.flatMap((bytes) => [...new FrameReader().read(bytes)]);
    const { pid, fd } = slab?.payload as { pid: number; fd: number };
    expect(pid).toBe(process.pid);
    const opened = openSync(`/proc/self/fd/${String(fd)}`, 'r');
    // The same file: nothing was copied.
    expect(fstatSync(opened).size).toBe(8 * MIB);
    expect(fstatSync(opened).ino).toBe(fstatSync(fd).ino);
    closeSync(opened);
    next.frames.push(encodeFrame(FRAME.ITEMS, [value]));
    const got = (next.deliver()?.payload as Tensor[])[0] as Tensor;
    expect(Object.getOwnPropertyDescriptor(tensor, 'data')?.get).toBeDefined();
    expect(got.data[77]).toBe(2);
    // The consumer is done, but the tensor here may still be read.
    next.table.close();
    expect(next.ledger.isLent).toBe(false);
    expect(ends.ledger.isLent).toBe(true);
    expect(tensor.data[78]).toBe(2);
    ends.table.close();
    expect(ends.ledger.isLent).toBe(false);
  });

  it('of a tensor go on to one that may write to them, and to others as copies', () => {
    const placesOf = (next: Ends, item: unknown): unknown[] => {
      const { value } = lowerMeasured(item, next.ledger);
      next.ledger.commit();
      return (value as { content: [string, number[], { content: unknown[] }] }[]).map(
        ({ content: [, , slice] }) => slice.content.join(),
      );
    };
    const tensor = ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(1))) as Tensor;
    const [first, second] = placesOf(new Ends(), [tensor, tensor]);
    expect(second).not.toBe(first);
    const other = ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(2))) as Tensor;
    const shared = new Ends({ isShared: true });
    const [once, twice] = placesOf(shared, [other, other]);
    expect(twice).toBe(once);
    const [there] = placesOf(new Ends(), [other]);
    expect(String(there).split(',').slice(0, 2)).not.toEqual(String(once).split(',').slice(0, 2));
  });

  it('of a tensor that is to be copied are not passed on', () => {
    const tensor = ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(1))) as Tensor;
    const next = new Ends({ canPassOn: false });
    const got = next.cross(tensor) as Tensor;
    expect(Object.getOwnPropertyDescriptor(tensor, 'data')?.get).toBeUndefined();
    expect(got.data.every((byte) => byte === 1)).toBe(true);
  });

  it('of an item that cannot cross can still go on in place', () => {
    const tensor = ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB))) as Tensor;
    const next = new Ends();
    expect(() => lowerMeasured([tensor, Symbol('no')], next.ledger)).toThrow('[1] is a symbol');
    next.ledger.rollBack();
    next.cross(tensor);
    expect(Object.getOwnPropertyDescriptor(tensor, 'data')?.get).toBeDefined();
  });

  it('stay readable after their channel has closed, and are not overwritten', () => {
    const tensor = ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(1))) as Tensor;
    ends.table.close();
    ends.ledger.close();
    const later = new Ends();
    later.cross(new Uint8Array(MIB).fill(9));
    expect(tensor.data.every((byte) => byte === 1)).toBe(true);
  });

  it('of more tensors than fit are read for them, so that a node may keep as many as it likes', async () => {
    const kept: Tensor[] = [];
    for (let index = 0; index < 100; index++)
      kept.push(ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(index))) as Tensor);
    await turn();
    const unread = kept.filter(
      (tensor) => Object.getOwnPropertyDescriptor(tensor, 'data')?.get !== undefined,
    );
    expect(unread.length).toBeLessThanOrEqual(64);
    ends.ledger.credited(100);
    expect(ends.ledger.keptBytes()).toBeLessThanOrEqual(68 * MIB);
    expect(kept.map(({ data }) => data[5])).toEqual(kept.map((_, index) => index));
  });

  it('are not shared with others where they were copied for this channel alone', () => {
    const shared = new Ends({ isShared: true });
    const { value } = lowerMeasured([new Uint8Array(MIB)], shared.ledger);
    expect(value).toMatchObject([{ content: [expect.any(Number), expect.any(Number), MIB, false] }]);
  });

  it('of an item that cannot cross leave nothing behind', () => {
    expect(() => lowerMeasured([new Uint8Array(MIB), Symbol('no')], ends.ledger)).toThrow('[1] is a symbol');
    ends.ledger.rollBack();
    expect(ends.frames).toEqual([]);
    expect(ends.ledger.isLent).toBe(false);
  });
});

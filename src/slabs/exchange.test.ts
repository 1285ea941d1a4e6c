import { fstatSync, openSync, closeSync, writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Tensor } from '../data/index.js';
import { encodeFrame, FRAME, FrameReader, lowerMeasured, type Frame } from '../wire/index.js';
import { SlabTable } from './slab-table.js';
import { SliceLedger } from './slice-ledger.js';

const MIB = 2 ** 20;
const isLinux = process.platform === 'linux';

/** Two ends of a channel in this process; frames go through bytes. */
class Ends {
  readonly reader = new FrameReader();
  readonly returned: number[] = [];
  asked = 0;
  readonly frames: Buffer[] = [];
  readonly table: SlabTable;
  readonly ledger: SliceLedger;

  constructor({ isShared = false, canPassOn = true } = {}) {
    this.table = new SlabTable({
      isBorrowed: false,
      isShared: false,
      canPassOn: true,
      sendReturns: (pairs) => {
        this.returned.push(...pairs);
        this.ledger.takeBack(pairs);
      },
    });
    this.reader.slices = this.table;
    this.ledger = new SliceLedger({
      nodeId: 'taker',
      giving: { isShared, canPassOn, canGiveAway: true },
      announce: (slab) => this.frames.push(encodeFrame(FRAME.SLAB, slab)),
      forget: (numbers) => this.frames.push(encodeFrame(FRAME.FORGET, numbers)),
      ask: () => {
        this.asked++;
        return true;
      },
      run: this,
    });
  }

  /** An item as it arrives. */
  cross(item: unknown): unknown {
    const { value } = lowerMeasured(item, this.ledger);
    this.ledger.commit();
    this.frames.push(encodeFrame(FRAME.ITEMS, [value]));
    return (this.deliver()?.payload as unknown[])[0];
  }

  /** What was sent goes to the consumer; gives the last frame. */
  deliver(): Frame | undefined {
    let last: Frame | undefined;
    for (const bytes of this.frames.splice(0)) {
      for (const frame of this.reader.read(bytes)) {
        if (frame.kind === FRAME.SLAB) this.table.announce(frame.payload);
        else if (frame.kind === FRAME.FORGET) this.table.forget(frame.payload);
        last = frame;
      }
    }
    return last;
  }
}

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

describe.skipIf(!isLinux)('a consumer', () => {
  /** A table that knows a slab, and what a SLAB of another one says. */
  const announced = (): { table: SlabTable; slab: Record<string, number> } => {
    const [ends, others] = [new Ends(), new Ends()];
    ends.cross(new Uint8Array(MIB));
    lowerMeasured(new Uint8Array(MIB), others.ledger);
    others.ledger.commit();
    const [frame] = others.frames.flatMap((bytes) => [...new FrameReader().read(bytes)]);
    return { table: ends.table, slab: frame?.payload as Record<string, number> };
  };

  it('never reads outside of a slab, whatever a slice says', () => {
    const ends = new Ends();
    ends.cross(new Uint8Array(MIB));
    const edge = fc.oneof(
      fc.integer({ min: -1, max: 9 * MIB }),
      fc.constantFrom(0, 8 * MIB, 8 * MIB - 1, 2 ** 53, 2 ** 31, -1, 1.5, 'x', null),
    );
    fc.assert(
      fc.property(fc.nat(20), edge, edge, fc.oneof(fc.boolean(), edge), (slab, offset, length, isShared) => {
        const slice = Buffer.concat([sliceBytes([slab, offset, length, isShared])]);
        try {
          const [frame] = [...ends.reader.read(slice)];
          const [got] = frame?.payload as Uint8Array[];
          expect((offset as number) + (got as Uint8Array).byteLength).toBeLessThanOrEqual(8 * MIB);
        } catch (error) {
          expect(error).toMatchObject({ code: 'RM_PROTOCOL' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, unknown]>([
    ['nil', null],
    ['a number', 7],
    ['without a pid', { slab: 1, fd: 1, bytes: 10 }],
    ['of no bytes', { slab: 1, pid: process.pid, fd: 1, bytes: 0 }],
    ['of a file that is not open', { slab: 1, pid: process.pid, fd: 99_999, bytes: 10 }],
    ['of a process that is not there', { slab: 1, pid: 2 ** 30, fd: 1, bytes: 10 }],
    ['with a path', { slab: 1, pid: '../..', fd: 1, bytes: 10 }],
  ])('refuses a SLAB that is %s', (_, payload) => {
    expect(() => {
      announced().table.announce(payload);
    }).toThrow(RangeError);
  });

  it('refuses a SLAB of a file that has a name, of a folder, and of one that is shorter than it says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slabs-'));
    writeFileSync(join(folder, 'file'), 'x'.repeat(100));
    const named = openSync(join(folder, 'file'), 'r');
    const directory = openSync(folder, 'r');
    const { table, slab } = announced();
    for (const wrong of [
      { ...slab, slab: 1000, fd: named, bytes: 10 },
      { ...slab, slab: 1001, fd: directory, bytes: 10 },
      { slab: 1002, pid: process.pid, fd: named, bytes: 2 ** 40 },
    ]) {
      expect(() => {
        table.announce(wrong);
      }).toThrow(RangeError);
    }
    closeSync(named);
    closeSync(directory);
    rmSync(folder, { recursive: true });
  });

  it('refuses a slab that was announced twice, and the end of one that was not', () => {
    const { table, slab } = announced();
    const other = { ...slab, slab: 1_000_000 };
    table.announce(other);
    expect(() => {
      table.announce(other);
    }).toThrow('announced twice');
    expect(() => {
      table.forget([4711]);
    }).toThrow('never announced');
    expect(() => {
      table.forget('x');
    }).toThrow(RangeError);
  });
});

describe.skipIf(!isLinux)('a producer', () => {
  it('refuses the return of what is not leased, however it is said', () => {
    const ends = new Ends();
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(fc.nat(), { minLength: 1 })), (payload) => {
        fc.pre(!(Array.isArray(payload) && payload.length === 0));
        expect(() => {
          ends.ledger.takeBack(payload);
        }).toThrow(RangeError);
      }),
    );
  });

  it('takes a slice back once', () => {
    const ends = new Ends();
    ends.cross(new Uint8Array(MIB));
    ends.table.close();
    expect(ends.returned).toHaveLength(2);
    expect(() => {
      ends.ledger.takeBack(ends.returned);
    }).toThrow('which is not leased');
  });

  it('counts what its consumer has of items that it is done with', () => {
    const ends = new Ends();
    const kept = ends.cross(new Tensor('uint8', [3 * MIB], new Uint8Array(3 * MIB))) as Tensor;
    expect(ends.ledger.keptBytes()).toBe(0);
    ends.ledger.credited(1);
    expect(ends.ledger.keptBytes()).toBe(3 * MIB);
    expect(kept.data.byteLength).toBe(3 * MIB);
    ends.table.close();
    expect(ends.ledger.keptBytes()).toBe(0);
  });
});

describe.skipIf(!isLinux)('who keeps a slice', () => {
  let ends: Ends;
  let kept: unknown[];
  const holders = (): unknown[] => ends.ledger.slicesOut().map(({ holder }) => holder?.nodeId);
  const first = { nodeId: 'taker', isOneOfSeveral: true };

  beforeEach(() => {
    ends = new Ends();
    kept = [1, 2, 3].map((value) => ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(value))));
    ends.ledger.credited(2);
  });

  it('is unknown before the consumer has said so', () => {
    expect(holders()).toEqual([undefined, undefined, undefined]);
  });

  it('is the first node, for items that the consumer is done with', () => {
    ends.ledger.takeStatement({ several: true, inside: 0, passed: [] });
    expect(ends.ledger.slicesOut().map(({ holder }) => holder)).toEqual([first, first, undefined]);
    expect(ends.ledger.hasNews).toBe(true);
    expect(kept).toHaveLength(3);
  });

  it('is nobody while it may be between nodes', () => {
    ends.ledger.takeStatement({ several: true, inside: 1, passed: [] });
    expect(holders()).toEqual(['taker', undefined, undefined]);
  });

  it('is what a consumer here says: nobody, or whoever got it from here', () => {
    const later = new Ends();
    later.cross(kept[1]);
    later.ledger.credited(1);
    const said: unknown[] = [];
    ends.table.findKeepers((statement) => said.push(statement));
    expect([later.asked, said]).toEqual([1, []]);
    later.ledger.takeStatement({ several: false, inside: 0, passed: [] });
    ends.ledger.takeStatement(said[0]);
    expect(holders()).toEqual([undefined, 'taker', undefined]);
    ends.table.findKeepers((statement) => said.push(statement));
    later.ledger.takeStatement({ several: false, inside: 0, passed: [['far', false, placeIn(later)]] });
    ends.ledger.takeStatement(said[1]);
    expect(holders()).toEqual([undefined, 'far', undefined]);
    ends.table.findKeepers((statement) => said.push(statement));
    later.ledger.close();
    expect(said[2]).toMatchObject({ passed: [[null, false, expect.any(Array)]] });
  });

  it('is not asked of a consumer that has answered, and each who asks is answered', () => {
    let answers = 0;
    for (let count = 0; count < 3; count++) ends.ledger.ask(() => answers++);
    expect([ends.asked, answers]).toEqual([1, 0]);
    ends.ledger.takeStatement({ several: false, inside: 0, passed: [] });
    expect([answers, ends.ledger.isAsking]).toEqual([3, false]);
  });

  it.each([
    null,
    {},
    { several: 1, inside: 0, passed: [] },
    { several: true, inside: -1, passed: [] },
    { several: true, inside: 0, passed: [['a', false, [1]]] },
    { several: true, inside: 0, passed: [[5, false, []]] },
  ])('is refused where it is nonsense: %j', (payload) => {
    expect(() => {
      ends.ledger.takeStatement(payload);
    }).toThrow('a KEPT is not a map');
  });

  const placeIn = ({ ledger }: Ends): number[] =>
    ledger.slicesOut().flatMap(({ region }) => [region.slab.number, region.offset]);
});

/** An ITEMS frame with one slice of any content. */
function sliceBytes(content: unknown): Buffer {
  const inner = encodeFrame(FRAME.ITEMS, content).subarray(5);
  const payload = Buffer.concat([Buffer.from([0x91, 0xc7, inner.byteLength, 0x5c]), inner]);
  const header = Buffer.alloc(5);
  header.writeUInt32LE(payload.byteLength);
  header[4] = FRAME.ITEMS;
  return Buffer.concat([header, payload]);
}

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ends, MIB } from '../../test/fixtures/slab-ends.js';
import { Tensor } from '../data/index.js';
import { encodeFrame, FRAME, FrameReader, lowerMeasured } from '../wire/index.js';
import type { SlabTable } from './slab-table.js';

const isLinux = process.platform === 'linux';

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
    const number = ends.ledger.slicesOut()[0]?.region.slab.number ?? NaN;
    const slab = fc.oneof(fc.constant(number), fc.nat(20));
    const edge = fc.oneof(
      fc.integer({ min: -1, max: 9 * MIB }),
      fc.constantFrom(0, 8 * MIB, 8 * MIB - 1, 2 ** 53, 2 ** 31, -1, 1.5, 'x', null),
    );
    fc.assert(
      fc.property(slab, edge, edge, fc.oneof(fc.boolean(), edge), (...slice) => {
        try {
          const [frame] = [...ends.reader.read(sliceBytes(slice))];
          const [got] = frame?.payload as Uint8Array[];
          expect((slice[1] as number) + (got as Uint8Array).byteLength).toBeLessThanOrEqual(8 * MIB);
        } catch (error) {
          expect(error).toMatchObject({ code: 'RM_PROTOCOL' });
        }
      }),
      { numRuns: 300, examples: [[number, 4096, 8, false]] },
    );
    // The producer is told of the places that could be read, of which it knows nothing.
    expect(() => {
      ends.table.close();
    }).toThrow('which is not leased');
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

/** An ITEMS frame with one slice of any content. */
function sliceBytes(content: unknown): Buffer {
  const inner = encodeFrame(FRAME.ITEMS, content).subarray(5);
  const payload = Buffer.concat([Buffer.from([0x91, 0xc7, inner.byteLength, 0x5c]), inner]);
  const header = Buffer.alloc(5);
  header.writeUInt32LE(payload.byteLength);
  header[4] = FRAME.ITEMS;
  return Buffer.concat([header, payload]);
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RemoteMediaError } from '../errors/index.js';
import { encodeFrame, FRAME, FrameReader, lower, type Frame } from './index.js';

/** What a reader makes of bytes that come in pieces. */
function read(bytes: Uint8Array, cuts: readonly number[]): Frame[] | RemoteMediaError {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  const places = [
    0,
    ...cuts.map((cut) => cut % (bytes.byteLength + 1)).sort((a, b) => a - b),
    bytes.byteLength,
  ];
  try {
    for (let index = 1; index < places.length; index++) {
      const piece = Buffer.from(bytes.subarray(places[index - 1], places[index]));
      frames.push(...reader.read(piece));
    }
    return frames;
  } catch (error) {
    return error as RemoteMediaError;
  }
}

const kinds = fc.constantFrom(...Object.values(FRAME));
const payloads = fc.jsonValue();
const cuts = fc.array(fc.nat(), { maxLength: 8 });

describe('a reader of frames', () => {
  it('finds the frames that were written, however their bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, payloads), { maxLength: 5 }), cuts, (frames, places) => {
        const bytes = Buffer.concat(frames.map(([kind, payload]) => encodeFrame(kind, lower(payload))));
        const found = read(bytes, places);
        expect(found).toHaveLength(frames.length);
        expect((found as Frame[]).map(({ kind }) => kind)).toEqual(frames.map(([kind]) => kind));
      }),
    );
  });

  it('gives frames or refuses, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, places) => {
        const found = read(bytes, places);
        expect(Array.isArray(found) || found instanceof RemoteMediaError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives frames or refuses, whichever byte of one is another', () => {
    const item = {
      tensor: new Float32Array(4),
      bytes: new Uint8Array(9),
      set: new Set([1]),
      map: new Map([[1, 2]]),
    };
    const good = encodeFrame(FRAME.ITEMS, lower([item]));
    fc.assert(
      fc.property(
        fc.nat(good.byteLength - 1),
        fc.integer({ min: 0, max: 255 }),
        cuts,
        (place, byte, places) => {
          const bytes = Buffer.from(good);
          bytes[place] = byte;
          const found = read(bytes, places);
          expect(Array.isArray(found) || found instanceof RemoteMediaError).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('refuses a slice where no slab can have been announced', () => {
    const payload = Buffer.from('91c7055c94010203c2', 'hex');
    const header = Buffer.from([payload.byteLength, 0, 0, 0, FRAME.ITEMS]);
    expect(() => [...new FrameReader().read(Buffer.concat([header, payload]))]).toThrow(
      'a SLICE came where no slab can have been announced',
    );
  });
});

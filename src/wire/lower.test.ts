import { describe, expect, it } from 'vitest';
import { AudioFrame, BinaryData, Tensor, VideoFrame } from '../data/index.js';
import { ValueTransferError } from '../errors/index.js';
import { encodeFrame, FRAME, FrameReader, lowerMeasured } from './index.js';

/** Takes the memory of an array away, as sending it in place does. */
function detach<View extends ArrayBufferView>(view: View): View {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}

function refusalOf(item: unknown): unknown {
  try {
    lowerMeasured(item);
    return undefined;
  } catch (error) {
    return error;
  }
}

const floats = (): Float32Array<ArrayBuffer> => new Float32Array(100);
const bytes = (): Uint8Array<ArrayBuffer> => new Uint8Array(100);

describe('what was given away with an earlier item', () => {
  it.each([
    ['bytes', detach(bytes()), ''],
    ['a part of bytes', detach(bytes().subarray(10, 20)), ''],
    ['a typed array', [detach(floats())], '[0]'],
    ['a part of a typed array', { a: detach(floats().subarray(10)) }, '.a'],
    ['a DataView', [detach(new DataView(new ArrayBuffer(8)))], '[0]'],
    ['clamped bytes', detach(new Uint8ClampedArray(8)), ''],
    ['a buffer', { b: detach(bytes()).buffer }, '.b'],
    ['a tensor', withoutData(new Tensor('float32', [100], floats())), ''],
    ['audio', withoutData(new AudioFrame({ data: floats(), sampleRate: 8000 })), '.data'],
    [
      'a picture',
      withoutData(new VideoFrame({ format: 'GRAY', codedWidth: 10, codedHeight: 10, data: bytes() })),
      '.data',
    ],
    ['binary data', withoutData(new BinaryData({ data: bytes() })), '.data'],
  ])('is refused as %s, with its place', (_, item, path) => {
    const refusal = refusalOf(item) as ValueTransferError;
    expect(refusal).toBeInstanceOf(ValueTransferError);
    expect(refusal.message).toContain('whose memory was given away with an earlier item');
    expect(refusal.path).toBe(path);
  });

  it.each([
    new Uint8Array(),
    new Float32Array(),
    new AudioFrame({ data: new Float32Array(), sampleRate: 1 }),
  ])('is not what was always empty', (item) => {
    expect(refusalOf(item)).toBeUndefined();
  });
});

function withoutData<Item extends { readonly data: ArrayBufferView }>(item: Item): Item {
  detach(item.data);
  return item;
}

describe('an item that waits to be sent', () => {
  it.each([
    ['bytes', bytes(), (item: Uint8Array) => item],
    ['a Buffer', Buffer.alloc(100), (item: Uint8Array) => item],
    ['a typed array', floats(), (item: Float32Array) => item],
    ['a tensor', new Tensor('float32', [10, 10], floats()), ({ data }: Tensor) => data],
    ['audio', new AudioFrame({ data: floats(), sampleRate: 8000 }), ({ data }: AudioFrame) => data],
    ['binary data', new BinaryData({ data: bytes() }), ({ data }: BinaryData) => data],
    ['a list', [floats()], ([array]: Float32Array[]) => array],
  ] as [string, unknown, (item: unknown) => Uint8Array][])(
    'stays as it was when its node uses the memory of %s again',
    (_, item, elementsOf) => {
      elementsOf(item).fill(1);
      const { value } = lowerMeasured(item);
      elementsOf(item).fill(2);
      const [frame] = new FrameReader().read(encodeFrame(FRAME.ITEMS, [value]));
      const [arrived] = frame?.payload as unknown[];
      expect([...elementsOf(arrived)].every((element) => element === 1)).toBe(true);
    },
  );
});

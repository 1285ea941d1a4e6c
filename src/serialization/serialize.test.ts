import { describe, expect, it } from 'vitest';
import { PayloadError, SerializationError } from '../errors/index.js';
import { explain } from './explain.js';
import { registerModule } from './modules.js';
import { deserialize, serialize } from './serialize.js';

const rejection = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('nothing was refused'),
    (error: unknown) => error as Error,
  );

describe('a key', () => {
  it('is needed on both sides, and must be the same', async () => {
    const signed = await serialize({ a: 1 }, { key: 'secret of this run' });
    const unsigned = await serialize({ a: 1 });
    await expect(deserialize(signed, { key: 'secret of this run' })).resolves.toEqual({ a: 1 });
    for (const [bytes, key, words] of [
      [signed, 'another', 'its signature does not fit the key'],
      [signed, undefined, 'it is signed, and no key was given'],
      [unsigned, 'secret of this run', 'it is not signed, and a key was given'],
    ] as const) {
      const error = await rejection(deserialize(bytes, { key }));
      expect(error).toBeInstanceOf(PayloadError);
      expect(error.message).toContain(words);
    }
  });

  it('covers every byte', async () => {
    const signed = await serialize({ text: 'x'.repeat(20) }, { key: 'k' });
    for (let at = 0; at < signed.length; at++) {
      const bad = Uint8Array.from(signed);
      bad[at] = (bad[at] as number) ^ 1;
      await expect(deserialize(bad, { key: 'k' })).rejects.toBeInstanceOf(PayloadError);
    }
  });
});

describe('another version', () => {
  const change = async (at: number, to: number): Promise<Error> => {
    const { seal, open } = await import('./envelope.js');
    const good = await serialize('text');
    const body = good.subarray(open(good, undefined));
    const bad = Buffer.from(good);
    bad[at] = to;
    // The checksum covers the versions; a newer writer would have written a right one.
    const sum = Buffer.from(seal([body], undefined));
    expect(sum).toEqual(Buffer.from(good));
    return rejection(deserialize(reseal(bad, body.length)));
  };

  it('of Node.js is refused with both named', async () => {
    const major = process.versions.node.split('.')[0] as string;
    const error = await change(6, 99);
    expect(error.message).toContain(`Node.js 99 wrote it, and this is Node.js ${major}`);
  });

  it('of the format is refused with both named', async () => {
    const error = await change(4, 77);
    expect(error.message).toContain('it has format 77, and this program reads format 1');
  });

  it('of the package is refused with both named', async () => {
    const error = await change(8, '9'.charCodeAt(0));
    expect(error.message).toMatch(/remotemedia 9\.\S+ wrote it, and this is remotemedia \d+\.\d+/);
  });
});

describe('the limit', () => {
  it('is told with the total and the largest attribute', async () => {
    const value = {
      small: 'x',
      models: { weights: new Uint8Array(3_000_000) },
      list: new Uint8Array(500_000),
    };
    const error = await rejection(serialize(value, { limitBytes: 1024 * 1024, node: 'net' }));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.message).toBe(
      'Cannot serialize node "net": it is a payload of 3.3 MB: the limit is 1.0 MB; the largest attribute is "models" with 2.9 MB. Suggestion: Load large data in initialize(), or raise the option `limitBytes`.',
    );
  });

  it('counts buffers that travel beside the payload', async () => {
    const error = await rejection(
      serialize(new Uint8Array(2_000_000), { limitBytes: 1_000_000, buffers: [] }),
    );
    expect(error).toBeInstanceOf(SerializationError);
  });
});

describe('explain', () => {
  it('says what goes how, and everything that is refused', async () => {
    const value = {
      run: () => 1,
      socket: Promise.resolve(),
      deep: [new WeakMap()],
      data: new Uint8Array(1000),
    };
    const { isSerializable, byValue, refused, sizes, byteLength } = await explain(value, { node: 'n' });
    expect(isSerializable).toBe(false);
    expect(byValue).toEqual([{ path: 'run', what: 'function run' }]);
    expect(refused.map(({ path, kind, node }) => [path, kind, node])).toEqual([
      ['socket', 'a Promise', 'n'],
      ['deep[0]', 'a WeakMap', 'n'],
    ]);
    expect(sizes[0]?.path).toBe('data');
    expect(byteLength).toBeGreaterThan(1000);
  });

  it('finds nothing to refuse in what can be carried', async () => {
    const { isSerializable, byReference } = await explain({ a: [1, new Map()] });
    expect(isSerializable).toBe(true);
    expect(byReference).toEqual([]);
  });
});

describe('registerModule', () => {
  it('makes classes go by reference without looking for them', async () => {
    const url = 'data:text/javascript,export class Registered { get kind() { return "registered"; } }';
    const exports = (await import(/* @vite-ignore */ url)) as {
      Registered: new () => { kind: string; x?: number };
    };
    registerModule(url, exports);
    const value = Object.assign(new exports.Registered(), { x: 1 });
    const { byReference } = await explain(value);
    expect(byReference).toEqual([{ path: 'prototype → class Registered', what: `Registered of ${url}` }]);
    const copy = (await deserialize(await serialize(value, { byValue: 'never' }))) as typeof value;
    expect(copy).toBeInstanceOf(exports.Registered);
    expect([copy.kind, copy.x]).toEqual(['registered', 1]);
  });

  it('refuses a path that means nothing elsewhere', () => {
    expect(() => registerModule('./nodes.js', {})).toThrow(
      /takes a URL or an absolute path, but got "\.\/nodes\.js"/,
    );
  });
});

describe('byValue: never', () => {
  it('refuses code', async () => {
    const error = await rejection(serialize({ f: () => 1 }, { byValue: 'never' }));
    expect(error.message).toContain('attribute "f" is the function f: no module exports it');
  });
});

describe('a module that is not there', () => {
  it('is named', async () => {
    class Gone {}
    registerModule('file:///nowhere/gone.mjs', { Gone });
    const error = await rejection(deserialize(await serialize(new Gone())));
    expect(error).toBeInstanceOf(PayloadError);
    expect(error.message).toContain('the module file:///nowhere/gone.mjs cannot be imported here');
  });
});

describe('calls at the same time', () => {
  it('do not disturb each other', async () => {
    const values = Array.from({ length: 20 }, (_, index) => ({ index, text: 'x'.repeat(index * 50) }));
    const payloads = await Promise.all(values.map((value) => serialize(value)));
    expect(await Promise.all(payloads.map((bytes) => deserialize(bytes)))).toEqual(values);
  });

  it('may come from a hook', async () => {
    let inner: Promise<Uint8Array> | undefined;
    const value = {
      [Symbol.for('remotemedia.reduce')]: () => {
        inner = serialize({ from: 'a hook' });
        return [Array, 3];
      },
    };
    expect(await deserialize(await serialize({ text: 'outer', value }))).toEqual({
      text: 'outer',
      value: new Array(3),
    });
    expect(await deserialize((await inner) as Uint8Array)).toEqual({ from: 'a hook' });
  });
});

/** Writes the checksum anew, as the writer of other versions would have. */
function reseal(bytes: Buffer, bodyLength: number): Buffer {
  const at = bytes.length - bodyLength - 4;
  const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 4)]);
  bytes.writeUInt32LE(crc(rest), at);
  return bytes;
}

function crc(data: Buffer): number {
  let sum = -1;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
  }
  return ~sum >>> 0;
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from './exit-code.js';
import { inputFormatOf, type InputFormat } from './input-format.js';
import { inputsOf, readInputs } from './input.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remotemedia-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function itemsOf(name: string, text: string, format?: InputFormat): Promise<unknown[]> {
  const path = join(folder, name);
  await writeFile(path, text);
  const items: unknown[] = [];
  for await (const item of readInputs(inputsOf([path], format), new AbortController().signal))
    items.push(item);
  return items;
}

describe('inputFormatOf', () => {
  it.each([
    ['a.wav', undefined, 'wav'],
    ['A.JSONL', undefined, 'jsonl'],
    ['a.json', undefined, 'json'],
    ['a.txt', undefined, 'text'],
    ['-', undefined, 'text'],
    ['-', 'wav', 'wav'],
    ['a.wav', 'text', 'text'],
  ] as const)('of %s, asked for %s, is %s', (path, asked, expected) => {
    expect(inputFormatOf(path, asked)).toBe(expected);
  });

  it('asks where the extension says nothing', () => {
    expect(() => inputFormatOf('a.mp3', undefined)).toThrow(UsageError);
    expect(() => inputFormatOf('a.mp3', undefined)).toThrow(
      'has the extension .mp3: say how to read it with --input-format',
    );
  });
});

describe('inputsOf', () => {
  it('refuses what is no file', () => {
    expect(() => inputsOf([join(folder, 'missing.txt')], undefined)).toThrow('there is no such file');
    expect(() => inputsOf([folder], 'text')).toThrow('is a folder');
  });
});

describe('readInputs', () => {
  it('gives lines whatever ends them, and empty ones too', async () => {
    expect(await itemsOf('a.txt', '\uFEFFone\r\n\ntwo\nthree')).toEqual(['one', '', 'two', 'three']);
    expect(await itemsOf('a.txt', 'one\n')).toEqual(['one']);
    expect(await itemsOf('a.txt', '')).toEqual([]);
  });

  it('gives lines that are longer than what is read at once', async () => {
    const long = 'ü'.repeat(300_000);
    expect(await itemsOf('long.txt', `${long}\n${long}\nx`)).toEqual([long, long, 'x']);
  });

  it('reads 20 MB without a line break in linear time', async () => {
    const [line] = await itemsOf('huge.txt', 'x'.repeat(20_000_000));
    expect(line).toHaveLength(20_000_000);
  });

  it('gives a value per line of JSON, and names the line that is none', async () => {
    expect(await itemsOf('a.jsonl', '\uFEFF1\n\n {"a": [null]}\n')).toEqual([1, { a: [null] }]);
    await expect(itemsOf('b.jsonl', '1\n\n{')).rejects.toThrow(/b\.jsonl:3 is no JSON: /);
  });

  it('gives a JSON document as one item', async () => {
    expect(await itemsOf('a.json', '[1, 2]')).toEqual([[1, 2]]);
  });
});

import { mkdtempSync, readdirSync, rmdirSync, closeSync, fstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/index.js';
import { freeBytesIn, openUnnamed, slabFolder, whyUnusable } from './folder.js';

const folder = mkdtempSync(join(tmpdir(), 'slabs-'));

afterAll(() => {
  rmdirSync(folder);
});

describe('slabFolder', () => {
  it('is the one that the environment names, and at most half of what is free is used', () => {
    const found = slabFolder({ REMOTEMEDIA_SHM_DIR: folder });
    expect(found.path).toBe(folder);
    expect(found.freeBytes).toBeGreaterThan(0);
    expect(found.limitBytes).toBeLessThanOrEqual(Math.min(2 ** 30, found.freeBytes / 2));
  });

  it('takes a limit in bytes, and refuses all else', () => {
    expect(slabFolder({ REMOTEMEDIA_SHM_LIMIT: '12345' }).limitBytes).toBe(12_345);
    for (const limit of ['1 GiB', '-1', '1e9', 'none'])
      expect(() => slabFolder({ REMOTEMEDIA_SHM_LIMIT: limit })).toThrow(InvalidArgumentError);
  });

  it('knows of a folder that is not there', () => {
    expect(freeBytesIn(join(folder, 'missing'))).toBe(0);
    expect(whyUnusable(join(folder, 'missing'))?.message).toContain('ENOENT');
  });
});

it.skipIf(process.platform !== 'linux')('makes files of nobody else that no name leads to', () => {
  const fd = openUnnamed(folder);
  expect(readdirSync(folder)).toEqual([]);
  const { mode, nlink } = fstatSync(fd);
  expect([mode & 0o777, nlink]).toEqual([0o600, 0]);
  closeSync(fd);
});

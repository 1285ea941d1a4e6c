import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { makeWav } from '../fixtures/audio/make-wav.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const VOICE = join(PROJECT, 'examples', 'voice');
const RECORDING = join(VOICE, 'recordings', 'austen-0890.wav');
const CLI = join(PROJECT, 'dist', 'cli', 'main.js');

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-voice-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Utterance {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly sentiment: string;
}

function run(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: PROJECT, encoding: 'utf8' });
  expect(stderr.replace(/^remotemedia: done.*$/m, '').trim()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** The 16 kHz mono recording as 44.1 kHz stereo, the second channel silent: half as loud once it is mono again. */
function asStereo(path: string): string {
  const wav = readFileSync(path);
  const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.byteLength));
  const frames = Math.floor((samples.length * 44_100) / 16_000) - 3;
  const data = Buffer.alloc(frames * 4);
  for (let frame = 0; frame < frames; frame++) {
    const position = (frame * 16_000) / 44_100;
    const left = Math.floor(position);
    const value = samples[left]! + (samples[left + 1]! - samples[left]!) * (position - left);
    data.writeInt16LE(Math.round(value), frame * 4);
  }
  const stereo = join(folder, 'stereo.wav');
  writeFileSync(stereo, makeWav({ channels: 2, sampleRate: 44_100, data }));
  return stereo;
}

describe('the speech pipeline', () => {
  test('as a program shows a table and writes JSON lines', () => {
    const table = run(['--import', 'tsx', join(VOICE, 'main.ts'), RECORDING]);
    expect(table).toMatch(/start\s+end\s+sentiment\s+text/);
    expect(table).toMatch(/negative\s+-0\.\d\d\s+.*cold hearted and rather selfish/);
    const lines = readFileSync(join(VOICE, 'austen-0890.jsonl'), 'utf8').trim().split('\n');
    const utterances = lines.map((line) => JSON.parse(line) as Utterance);
    expect(utterances.map(({ sentiment }) => sentiment)).toEqual(['negative']);
  });

  test('as a manifest runs from the command line, on any rate and on stereo', () => {
    for (const input of [RECORDING, asStereo(RECORDING)]) {
      const output = join(folder, 'out.jsonl');
      run([CLI, 'run', join(VOICE, 'pipeline.yaml'), '--input', input, '--output', output]);
      const [utterance] = readFileSync(output, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Utterance);
      expect(utterance).toMatchObject({ sentiment: 'negative' });
      expect(utterance!.text).toContain('cold hearted and rather selfish');
      expect(utterance!.start).toBeLessThan(0.5);
      expect(utterance!.end).toBeGreaterThan(4.5);
      expect(utterance!.end).toBeLessThan(5.4);
    }
  });

  test('is planned as three segments, the Python nodes together in one', () => {
    const plan = JSON.parse(run([CLI, 'plan', join(VOICE, 'pipeline.yaml'), '--json'])) as {
      segments: { host: string; nodes: string[] }[];
    };
    expect(plan.segments.map(({ host, nodes }) => [host, nodes])).toEqual([
      ['in-process', ['(input)', 'resample']],
      ['python', ['detect', 'recognize', 'sentiment']],
      ['in-process', ['format', '(output)']],
    ]);
  });
});

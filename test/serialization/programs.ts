import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** What a sender says of one value. */
export interface Sent {
  readonly payload?: string;
  readonly expected?: unknown;
  readonly error?: string;
}

/** What the receiver saw of it: as it came, and after one more round trip. */
export interface Received {
  readonly here: unknown;
  readonly again: unknown;
}

/** Runs a program of this folder and gives what it printed, parsed. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what a program prints is its caller's to know.
export function runProgram<Output>(
  file: string,
  {
    flags = [],
    input = '',
    node = process.execPath,
  }: { flags?: string[]; input?: string; node?: string } = {},
): Output {
  const program = join(import.meta.dirname, file);
  const { status, stdout, stderr } = spawnSync(node, [...flags, program], {
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${file} ended with exit code ${String(status)}:\n${stderr}`);
  return JSON.parse(stdout) as Output;
}

/** Runs a sender, then a receiver on what it sent, each in a process of its own. */
export function roundTrip(
  sender: string,
  flags: string[] = [],
  node?: string,
): { sent: Record<string, Sent>; received: Record<string, Received> } {
  const sent = runProgram<Record<string, Sent>>(sender, { flags, ...(node === undefined ? {} : { node }) });
  const received = runProgram<Record<string, Received>>('receiver.mjs', {
    flags,
    input: JSON.stringify(sent),
    ...(node === undefined ? {} : { node }),
  });
  return { sent, received };
}

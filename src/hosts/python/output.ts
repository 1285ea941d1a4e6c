import type { HostOutput } from './child-process.js';

let isStdoutTaken = false;

/** From now on what nodes print in other hosts goes to stderr: standard output is for outputs alone. */
export function keepStdoutFree(): void {
  isStdoutTaken = true;
}

/** Passes a line on to this program's own standard output or error, with the name of who printed it. */
export function passOnOutput({ host, nodeId, stream, text }: HostOutput): void {
  process[isStdoutTaken ? 'stderr' : stream].write(`[${nodeId ?? host}] ${text}\n`);
}

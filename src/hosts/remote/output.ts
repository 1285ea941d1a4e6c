/** A line that code in a host wrote to its standard output or error. */
export interface HostOutput {
  /** Name of the host, as in plans and errors. */
  readonly host: string;
  /** The node whose code was running, where it is known. */
  readonly nodeId: string | undefined;
  /** Where the line was written to. */
  readonly stream: 'stdout' | 'stderr';
  /** The line, decoded as UTF-8, without its line feed. */
  readonly text: string;
}

let isStdoutTaken = false;

/** From now on what nodes print in other hosts goes to stderr: standard output is for outputs alone. */
export function keepStdoutFree(): void {
  isStdoutTaken = true;
}

/** Passes a line on to this program's own standard output or error, with the name of who printed it. */
export function passOnOutput({ host, nodeId, stream, text }: HostOutput): void {
  process[isStdoutTaken ? 'stderr' : stream].write(`[${nodeId ?? host}] ${text}\n`);
}

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

/** A line of a host's own standard output or error, with what its mark says. */
export interface ReadLine extends HostOutput {
  /** The number, from 0, of a line that the host had told over its connection as well, where it may have been lost. */
  readonly number: number | undefined;
}

/** How a host marks such a line with its number, and with the node that printed it; see `schema/wire.md`. */
const MARKED_LINE = /^(?:\x1d(\d+),|\x1e)([^\x1f]*)\x1f(.*)$/s;

/** Reads the mark of a line, where it has one. */
export function readLine(host: string, stream: HostOutput['stream'], line: string): ReadLine {
  const [, number, nodeId = '', text = line] = MARKED_LINE.exec(line) ?? [];
  return {
    host,
    nodeId: nodeId === '' ? undefined : nodeId,
    stream,
    text,
    number: number === undefined ? undefined : Number(number),
  };
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

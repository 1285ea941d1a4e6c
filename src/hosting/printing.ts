import { StringDecoder } from 'node:string_decoder';
import { runningNode } from './running-node.js';

/** A line that code in this host printed. */
export interface PrintedLine {
  readonly nodeId?: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
}

type Write = (
  chunk: string | Uint8Array,
  encoding?: BufferEncoding | (() => void),
  done?: () => void,
) => boolean;

/** Lines that are told instead of printed. */
export interface Printing {
  /** Writes to the streams themselves. */
  readonly write: Readonly<Record<PrintedLine['stream'], (text: string) => unknown>>;
  /** Tells what is left without a line feed. */
  finish(): void;
}

/**
 * From now on each line that is written through `process.stdout` or `process.stderr`, as `console` does, is told instead, with the node
 * whose code wrote it.
 */
export function tellLines(tell: (line: PrintedLine) => void): Printing {
  const { stdout, stderr } = process;
  const write = { stdout: stdout.write.bind(stdout), stderr: stderr.write.bind(stderr) };
  const ends = (['stdout', 'stderr'] as const).map((stream) => redirect(stream, tell));
  return {
    write,
    finish() {
      for (const end of ends) end();
    },
  };
}

function redirect(stream: PrintedLine['stream'], tell: (line: PrintedLine) => void): () => void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let nodeOfRest: string | undefined;
  const tellLine = (line: string, nodeId = runningNode()): void => {
    tell({ stream, line, ...(nodeId === undefined ? {} : { nodeId }) });
  };
  const write: Write = (chunk, encoding, done) => {
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) tellLine(line);
    nodeOfRest = runningNode();
    const callback = typeof encoding === 'function' ? encoding : done;
    if (callback !== undefined) process.nextTick(callback);
    return true;
  };
  process[stream].write = write;
  return () => {
    if (rest !== '') tellLine(rest, nodeOfRest);
    rest = '';
  };
}

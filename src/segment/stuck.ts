/** What holds a session up, or is about to. Nothing is ended because of it. */
export interface StuckReport {
  /** The node at fault, where it is known. */
  readonly nodeId: string | undefined;
  /** The host where it happens, as in plans and errors. */
  readonly host: string;
  /** For how long so far, in milliseconds: at least that; 0 for memory. */
  readonly forMs: number;
  /** `node`: a node has not returned. `loop`: the event loop of a host is blocked by other code. `memory`: a host is over its limit. */
  readonly kind: 'node' | 'loop' | 'memory';
  /** What runs there, innermost first in TypeScript and last in Python; where nothing runs, or it cannot be had, what is known instead. */
  readonly stack: string;
  /** Position in the input of the node of the item that an async call has not returned for, from 0. */
  readonly itemIndex?: number | undefined;
  /** What the host uses, in bytes, where it is over its limit. */
  readonly memoryBytes?: number | undefined;
  /** Which copy it is of a node with replicas, from 0; `itemIndex` counts the items of that copy. */
  readonly replica?: number | undefined;
}

/** What is watched for. */
export interface WatchLimits {
  /** How long a node, or an event loop, may take before it counts as stuck, in milliseconds; 0 for ever. */
  readonly stuckAfterMs: number;
  /** What a host may use, in bytes. @defaultValue any */
  readonly memoryLimitBytes?: number | undefined;
}

/** How a run is watched. */
export interface RunWatch extends WatchLimits {
  /** Takes a report. */
  report(report: StuckReport): void;
  /** A report is written to stderr by whoever finds it, also while this program's event loop is blocked. */
  readonly isPrintedAtOnce: boolean;
  /** Where reports go while the event loop is blocked; without it they wait until it goes on. */
  readonly direct?: DirectReports | undefined;
}

/** A connection of its own, by which a host reports while its event loop is blocked. */
export interface DirectReports {
  readonly address: string;
  readonly token: string;
  /** The segment that the reports are about. */
  readonly segment: string;
}

/** A report in words. */
export function describeStuck(report: StuckReport): string {
  return `${headline(report)}\n${report.stack}`;
}

function headline({ kind, nodeId, host, forMs, memoryBytes, replica }: StuckReport): string {
  const name = replica === undefined ? String(nodeId) : `${String(nodeId)}#${String(replica)}`;
  const seconds = `${(forMs / 1000).toFixed(1)} s`;
  if (kind === 'node') return `Node "${name}" (${host}) has not returned for ${seconds}:`;
  if (kind === 'loop') return `The event loop of host "${host}" has been blocked for ${seconds}:`;
  const suspect = nodeId === undefined ? '' : `; node "${name}" was entered last`;
  return `Host "${host}" uses ${toMiB(memoryBytes ?? 0)}, which is over its limit${suspect}:`;
}

function toMiB(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}

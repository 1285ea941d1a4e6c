import { inspect, types } from 'node:util';
import type { ErrorCode } from './codes.js';

const BRAND = Symbol.for('remotemedia.error');

/** What an error may carry besides its message. */
export interface ErrorDetails {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Id of the node that the error is about. */
  readonly nodeId?: string | undefined;
  /** Name of the host in which it happened. */
  readonly host?: string | undefined;
}

/** The root of all errors of this package. */
export class RemoteMediaError extends Error {
  /** Stable code, see `docs/errors.md`. */
  readonly code: ErrorCode;
  /** Id of the node that the error is about, where there is one. */
  readonly nodeId: string | undefined;
  /** Name of the host in which it happened, where there is one. */
  readonly host: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.nodeId = details.nodeId;
    this.host = details.host;
    brand(this, new.target.name);
  }
}

/** Misuse that is caught at the call: a `TypeError` with a code. */
export class InvalidArgumentError extends TypeError {
  /** Stable code, see `docs/errors.md`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    brand(this, new.target.name);
  }
}

/** When in a node's life its code failed. */
export type NodePhase = 'initialize' | 'process' | 'flush' | 'stream' | 'source' | 'cleanup';

/** What a {@link NodeError} says of its node and item. */
export interface NodeErrorDetails extends ErrorDetails {
  readonly nodeId: string;
  /** When in the node's life it failed. */
  readonly phase: NodePhase;
  /** Position of the item in the node's own input, from 0; absent where no item was being processed. */
  readonly itemIndex?: number | undefined;
}

/** A node's own code threw. The original error is the `cause`. */
export class NodeError extends RemoteMediaError {
  declare readonly nodeId: string;
  /** When in the node's life it failed. */
  readonly phase: NodePhase;
  /** Position of the item in the node's own input, from 0; `undefined` where no item was being processed. */
  readonly itemIndex: number | undefined;
  /** Failures that came after this one in the same run, such as one in `cleanup`. */
  readonly suppressed: unknown[] = [];

  constructor(details: NodeErrorDetails) {
    super('RM_NODE_FAILED', nodeErrorMessage(details), details);
    this.phase = details.phase;
    this.itemIndex = details.itemIndex;
  }
}

/** A manifest cannot be read or breaks its schema. */
export class ManifestError extends RemoteMediaError {
  /** Place in the manifest, such as `nodes[2].params.operand`; empty for the whole. */
  readonly path: string;

  constructor(message: string, path = '', details: ErrorDetails & { readonly code?: ErrorCode } = {}) {
    super(details.code ?? 'RM_INVALID_MANIFEST', message, details);
    this.path = path;
  }
}

/** The connections of a pipeline do not form a graph that can run. */
export class GraphError extends RemoteMediaError {
  /** Place in the manifest, such as `connections[1].to`; empty where there is none. */
  readonly path: string;

  constructor(message: string, path = '') {
    super('RM_INVALID_GRAPH', message);
    this.path = path;
  }
}

/** A value cannot cross to another language or process. */
export class ValueTransferError extends RemoteMediaError {
  /** Path inside the item, such as `.user.socket` or `[3]`; empty for the item itself. */
  readonly path: string;

  constructor(message: string, path: string, details: ErrorDetails = {}) {
    super('RM_VALUE_NOT_TRANSFERABLE', message, details);
    this.path = path;
  }
}

/** What a {@link SerializationError} says of its value. */
export interface SerializationErrorDetails extends ErrorDetails {
  /** Where the value is, from the one that was given: `pool.sockets[2]`, `onText → captured variable "db"`; empty for itself. */
  readonly path: string;
  /** What the value is, such as `net.Socket`, `Promise` or `function`. */
  readonly kind: string;
  /** Why it cannot be carried: a clause. */
  readonly reason: string;
  /** What to do: a sentence. */
  readonly suggestion: string;
}

/** A value or a node cannot be serialized. */
export class SerializationError extends RemoteMediaError {
  /** Id or name of the node, where one was given. */
  readonly node: string | undefined;
  /** Where the value is, from the one that was given: `pool.sockets[2]`, `onText → captured variable "db"`; empty for itself. */
  readonly path: string;
  /** What the value is, such as `net.Socket`, `Promise` or `function`. */
  readonly kind: string;
  /** Why it cannot be carried. */
  readonly reason: string;
  /** What to do. */
  readonly suggestion: string;

  constructor(details: SerializationErrorDetails) {
    super('RM_NOT_SERIALIZABLE', serializationMessage(details), details);
    this.node = details.nodeId;
    this.path = details.path;
    this.kind = details.kind;
    this.reason = details.reason;
    this.suggestion = details.suggestion;
  }
}

/** Serialized bytes are damaged, come from elsewhere, or do not fit this program. Nothing of them has run. */
export class PayloadError extends RemoteMediaError {
  /** What is wrong with them: a clause. */
  readonly reason: string;

  constructor(reason: string, suggestion = 'Serialize the value again.', details: ErrorDetails = {}) {
    super('RM_INVALID_PAYLOAD', `Cannot deserialize the payload: ${reason}. ${suggestion}`, details);
    this.reason = reason;
  }
}

/** What a {@link PythonError} carries besides its message. */
export interface PythonErrorDetails extends ErrorDetails {
  /** Attributes of the exception. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  /** What the exception was made with. */
  readonly args?: readonly unknown[] | undefined;
  /** What an exception group holds. */
  readonly errors?: readonly Error[] | undefined;
}

/** Python code raised an exception; its class, message and traceback as Python printed them. */
export class PythonError extends RemoteMediaError {
  /** Qualified name of the exception's class, such as `ValueError` or `my_nodes.ModelError`. */
  readonly pythonType: string;
  /** The traceback as Python prints it. */
  readonly traceback: string;
  /** Public attributes of the exception that can cross, such as `errno` or `status_code`. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What the exception was made with; empty where that cannot cross. */
  readonly args: readonly unknown[];
  /** The exceptions of an exception group; `undefined` for any other. */
  readonly errors: readonly Error[] | undefined;

  constructor(pythonType: string, message: string, traceback: string, details: PythonErrorDetails = {}) {
    super('RM_PYTHON_EXCEPTION', message, details);
    this.pythonType = pythonType;
    this.traceback = traceback;
    this.attributes = details.attributes ?? {};
    this.args = details.args ?? [];
    this.errors = details.errors;
    this.name = pythonType;
    if (traceback !== '') this.stack = traceback;
  }
}

/** How a host ended. */
export interface HostExit {
  /** Exit code, or `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it, or `null`. */
  readonly signal: string | null;
  /** The last lines that it wrote to stderr. */
  readonly stderr: readonly string[];
}

/** A host ended while it was needed. */
export class HostDiedError extends RemoteMediaError {
  /** Exit code, or `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it, or `null`. */
  readonly signal: string | null;
  /** The last lines that it wrote to stderr. */
  readonly stderr: readonly string[];

  constructor(message: string, exit: HostExit, details: ErrorDetails = {}) {
    super('RM_HOST_DIED', message, details);
    this.exitCode = exit.exitCode;
    this.signal = exit.signal;
    this.stderr = exit.stderr;
  }
}

/** Whether a value is an error of this package, also one that another copy of the package made. */
export function isRemoteMediaError(value: unknown): value is Error & {
  /** Tells what went wrong, see {@link ERROR_CODES}. */
  readonly code: ErrorCode;
} {
  return typeof value === 'object' && value !== null && BRAND in value;
}

function brand(error: Error, name: string): void {
  error.name = name;
  Object.defineProperty(error, BRAND, { value: true });
}

function nodeErrorMessage({ nodeId, phase, itemIndex, host, cause }: NodeErrorDetails): string {
  const place = host === undefined ? '' : ` (${host})`;
  const item = itemIndex === undefined ? '' : ` of item ${String(itemIndex)}`;
  return `Node "${nodeId}"${place} failed in ${phase}${item}: ${describeCause(cause)}`;
}

function serializationMessage({ nodeId, path, kind, reason, suggestion }: SerializationErrorDetails): string {
  const subject = nodeId === undefined ? 'the value' : `node "${nodeId}"`;
  const place = path === '' ? 'it' : `attribute "${path}"`;
  return `Cannot serialize ${subject}: ${place} is ${kind}: ${reason}. Suggestion: ${suggestion}`;
}

/** One line for any thrown value: class and message for an error, the value itself otherwise. Never throws. */
export function describeCause(cause: unknown): string {
  try {
    // Errors of another realm (a `vm` context) are errors as well.
    if (cause instanceof Error || types.isNativeError(cause))
      return cause.message === '' ? cause.name : `${cause.name}: ${cause.message}`;
    return `thrown value ${typeof cause === 'string' ? JSON.stringify(cause) : inspect(cause, { depth: 0 })}`;
  } catch {
    return `thrown value of type ${typeof cause}`;
  }
}

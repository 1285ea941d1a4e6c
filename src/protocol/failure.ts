import {
  describeCause,
  ERROR_CODES,
  HostDiedError,
  InvalidArgumentError,
  isRemoteMediaError,
  ManifestError,
  NodeError,
  PythonError,
  RemoteMediaError,
  type ErrorCode,
  type ErrorDetails,
  type HostExit,
  type NodePhase,
  ValueTransferError,
} from '../errors/index.js';
import { attributesOf, giveAttributes } from './error-attributes.js';

/** An error on the wire; see `schema/wire.md`. */
export interface Failure {
  readonly type: string;
  /** The Python module of the class, or empty. */
  readonly module: string;
  readonly message: string;
  readonly stack: string;
  readonly language: 'python' | 'typescript';
  /** Of an error of this package. */
  readonly code?: string;
  /** The built-in class that its class inherits from, where it is none itself. */
  readonly base?: string;
  readonly nodeId?: string;
  readonly phase?: NodePhase;
  readonly itemIndex?: number;
  readonly cause?: Failure;
  /** What an `AggregateError` or an exception group holds. */
  readonly errors?: readonly Failure[];
  /** Other properties of its own. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Of a Python exception: what it was made with. */
  readonly args?: readonly unknown[];
  readonly notes?: readonly string[];
  /** Of a value that cannot cross: its place in the item; of what is wrong in a manifest: its place there. */
  readonly path?: string;
  /** How a host ended. */
  readonly exit?: HostExit;
  /** Later failures of the same run. */
  readonly suppressed?: readonly Failure[];
}

/** How deep causes and errors within errors go. */
const MAX_DEPTH = 20;
/** How many errors one failure holds in all. */
const MAX_ERRORS = 100;

/** What errors were made from, so that one that only passes through goes on as it came. */
const origins = new WeakMap<Error, Failure>();

/** The failure that stands for an error, with its causes. */
export function encodeFailure(error: unknown): Failure {
  return new FailureEncoder().encode(error, MAX_DEPTH);
}

class FailureEncoder {
  #left = MAX_ERRORS;

  encode(error: unknown, depth: number): Failure {
    this.#left--;
    if (error instanceof NodeError) {
      const { nodeId, phase, itemIndex, cause, suppressed } = error;
      return {
        ...this.encode(cause, depth),
        nodeId,
        phase,
        ...(itemIndex === undefined ? {} : { itemIndex }),
        ...(suppressed.length === 0 ? {} : { suppressed: this.#encodeAll(suppressed, depth) }),
      };
    }
    if (!(error instanceof Error)) {
      const message = typeof error === 'string' ? error : describeCause(error);
      return {
        type: typeof error,
        module: '',
        message: message.toWellFormed(),
        stack: '',
        language: 'typescript',
      };
    }
    return origins.get(error) ?? this.#encodeError(error, depth);
  }

  #encodeError(error: Error, depth: number): Failure {
    const type = text(error.name);
    const base = baseOf(error);
    const attributes = attributesOf(error);
    const [cause] = error.cause === undefined ? [] : this.#encodeAll([error.cause], depth);
    return {
      type,
      module: '',
      message: text(error.message),
      stack: text(error.stack ?? ''),
      language: error instanceof PythonError ? 'python' : 'typescript',
      ...contextOf(error),
      ...(base === undefined || base === type ? {} : { base }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(cause === undefined ? {} : { cause }),
      ...(error instanceof AggregateError ? { errors: this.#encodeAll(error.errors, depth) } : {}),
    };
  }

  #encodeAll(errors: readonly unknown[], depth: number): Failure[] {
    const failures: Failure[] = [];
    for (const error of errors) {
      if (depth <= 0 || this.#left <= 0) break;
      failures.push(this.encode(error, depth - 1));
    }
    return failures;
  }
}

/** A text as it can be written; an error's name and message may be anything. */
function text(value: unknown): string {
  return String(value).toWellFormed();
}

/** What an error of this package says beside its message. */
function contextOf(error: Error): Pick<Failure, 'code' | 'nodeId' | 'path' | 'exit'> {
  if (!isRemoteMediaError(error)) return {};
  const { code, path, nodeId } = error as typeof error & { path?: unknown; nodeId?: unknown };
  return {
    code,
    ...(typeof path === 'string' ? { path } : {}),
    ...(typeof nodeId === 'string' ? { nodeId } : {}),
    ...(error instanceof HostDiedError
      ? { exit: { exitCode: error.exitCode, signal: error.signal, stderr: error.stderr } }
      : {}),
  };
}

/** The error that a failure stands for: a {@link NodeError} where a node's own code failed, with the original as its cause. */
export function decodeFailure(failure: Failure, host: string): Error {
  const original = decodeOriginal(failure, host);
  origins.set(original, failure);
  const { nodeId, phase, itemIndex, suppressed = [] } = failure;
  // That a node is busy is not its own failure.
  if (nodeId === undefined || phase === undefined || failure.code === 'RM_NODE_BUSY') return original;
  const error = new NodeError({ nodeId, host, phase, itemIndex, cause: original });
  error.suppressed.push(...suppressed.map((other) => decodeFailure(other, host)));
  return error;
}

/** Codes of what a node's own code raised. */
const FOREIGN_CODES: ReadonlySet<string> = new Set(['RM_NODE_FAILED', 'RM_PYTHON_EXCEPTION']);

function decodeOriginal(failure: Failure, host: string): Error {
  const details = {
    host,
    ...(failure.cause === undefined ? {} : { cause: decodeFailure(failure.cause, host) }),
  };
  const message = [failure.message, ...(failure.notes ?? [])].join('\n');
  const { code, language, type, module, stack, attributes = {}, args } = failure;
  const errors = failure.errors?.map((inner) => decodeFailure(inner, host));
  if (code !== undefined && !FOREIGN_CODES.has(code) && Object.hasOwn(ERROR_CODES, code))
    return decodeOwn(failure, code as ErrorCode, message, { ...details, nodeId: failure.nodeId });
  if (language === 'python') {
    const pythonType = module === '' || module === 'builtins' ? type : `${module}.${type}`;
    return new PythonError(pythonType, message, stack, { ...details, attributes, args, errors });
  }
  const error = makeBuiltIn(failure.base ?? type, message, details, errors);
  error.name = type;
  error.stack = stack;
  giveAttributes(error, attributes);
  return error;
}

const BUILT_IN: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function makeBuiltIn(
  kind: string,
  message: string,
  details: ErrorDetails,
  errors: readonly Error[] | undefined,
): Error {
  if (errors !== undefined) return new AggregateError(errors, message, details);
  return new (Object.hasOwn(BUILT_IN, kind) ? (BUILT_IN[kind] as ErrorConstructor) : Error)(message, details);
}

/** The built-in class that an error's class is, or inherits from. */
function baseOf(error: Error): string | undefined {
  return Object.keys(BUILT_IN).find((name) => error instanceof (BUILT_IN[name] as ErrorConstructor));
}

/** An error of this package. */
function decodeOwn(failure: Failure, code: ErrorCode, message: string, details: ErrorDetails): Error {
  const { type, path = '', exit } = failure;
  if (code === 'RM_VALUE_NOT_TRANSFERABLE') return new ValueTransferError(message, path, details);
  if (exit !== undefined) return new HostDiedError(message, exit, details);
  if (type === 'ManifestError') return new ManifestError(message, path, { ...details, code });
  if (type === 'InvalidArgumentError') return new InvalidArgumentError(code, message, details);
  return new RemoteMediaError(code, message, details);
}

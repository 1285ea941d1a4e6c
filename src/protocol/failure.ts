import {
  describeCause,
  ERROR_CODES,
  HostDiedError,
  InvalidArgumentError,
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

/** An error on the wire; see `schema/wire.md`. */
export interface Failure {
  readonly type: string;
  /** The Python module of the class, or empty. */
  readonly module: string;
  readonly message: string;
  readonly stack: string;
  readonly language: 'python' | 'typescript';
  readonly code?: string;
  readonly nodeId?: string;
  readonly phase?: NodePhase;
  readonly itemIndex?: number;
  readonly cause?: Failure;
  readonly notes?: readonly string[];
  /** Of a value that cannot cross: its place in the item; of what is wrong in a manifest: its place there. */
  readonly path?: string;
  /** How a host ended. */
  readonly exit?: HostExit;
  /** Later failures of the same run. */
  readonly suppressed?: readonly Failure[];
}

const MAX_CAUSES = 20;

/** What errors were made from, so that one that only passes through goes on as it came. */
const origins = new WeakMap<Error, Failure>();

/** The failure that stands for an error, with its causes. */
export function encodeFailure(error: unknown, causesLeft: number = MAX_CAUSES): Failure {
  if (error instanceof NodeError) {
    const { nodeId, phase, itemIndex, cause, suppressed } = error;
    return {
      ...encodeFailure(cause, causesLeft),
      nodeId,
      phase,
      ...(itemIndex === undefined ? {} : { itemIndex }),
      ...(suppressed.length === 0
        ? {}
        : { suppressed: suppressed.map((other) => encodeFailure(other, causesLeft - 1)) }),
    };
  }
  if (!(error instanceof Error)) {
    const message = typeof error === 'string' ? error : describeCause(error);
    return { type: typeof error, module: '', message, stack: '', language: 'typescript' };
  }
  const origin = origins.get(error);
  if (origin !== undefined) return origin;
  return {
    type: error.name,
    module: '',
    message: error.message,
    stack: error.stack ?? '',
    language: error instanceof PythonError ? 'python' : 'typescript',
    ...contextOf(error),
    ...(error.cause === undefined || causesLeft <= 0
      ? {}
      : { cause: encodeFailure(error.cause, causesLeft - 1) }),
  };
}

/** What an error of this package says beside its message. */
function contextOf(
  error: Error & { readonly code?: unknown; readonly path?: unknown },
): Pick<Failure, 'code' | 'nodeId' | 'path' | 'exit'> {
  const { code, path } = error;
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(error instanceof RemoteMediaError && typeof path === 'string' ? { path } : {}),
    ...(error instanceof RemoteMediaError && error.nodeId !== undefined ? { nodeId: error.nodeId } : {}),
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

function decodeOriginal(failure: Failure, host: string): Error {
  const details = {
    host,
    ...(failure.cause === undefined ? {} : { cause: decodeFailure(failure.cause, host) }),
  };
  const message = [failure.message, ...(failure.notes ?? [])].join('\n');
  const { code, language, type, module, stack } = failure;
  if (code !== undefined && code !== 'RM_PYTHON_EXCEPTION' && Object.hasOwn(ERROR_CODES, code))
    return decodeOwn(failure, code as ErrorCode, message, { ...details, nodeId: failure.nodeId });
  if (language === 'python') {
    return new PythonError(
      module === '' || module === 'builtins' ? type : `${module}.${type}`,
      message,
      stack,
      details,
    );
  }
  const error = new (BUILT_IN[type] ?? Error)(message, details);
  error.name = type;
  error.stack = stack;
  return error;
}

const BUILT_IN: Readonly<Record<string, ErrorConstructor>> = { TypeError, RangeError, SyntaxError };

/** An error of this package. */
function decodeOwn(failure: Failure, code: ErrorCode, message: string, details: ErrorDetails): Error {
  const { type, path = '', exit } = failure;
  if (code === 'RM_VALUE_NOT_TRANSFERABLE') return new ValueTransferError(message, path, details);
  if (exit !== undefined) return new HostDiedError(message, exit, details);
  if (type === 'ManifestError') return new ManifestError(message, path, { ...details, code });
  if (type === 'InvalidArgumentError') return new InvalidArgumentError(code, message, details);
  return new RemoteMediaError(code, message, details);
}

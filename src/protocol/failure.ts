import {
  ERROR_CODES,
  NodeError,
  PythonError,
  RemoteMediaError,
  type ErrorCode,
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
  /** Of a value that cannot cross: its place in the item. */
  readonly path?: string;
}

/** The failure that stands for an error, with its causes. */
export function encodeFailure(error: unknown): Failure {
  if (error instanceof NodeError) {
    const { nodeId, phase, itemIndex, cause } = error;
    return { ...encodeFailure(cause), nodeId, phase, ...(itemIndex === undefined ? {} : { itemIndex }) };
  }
  if (!(error instanceof Error)) {
    return { type: typeof error, module: '', message: String(error), stack: '', language: 'typescript' };
  }
  const code: unknown = (error as { code?: unknown }).code;
  return {
    type: error.name,
    module: '',
    message: error.message,
    stack: error.stack ?? '',
    language: error instanceof PythonError ? 'python' : 'typescript',
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: encodeFailure(error.cause) }),
  };
}

/** The error that a failure stands for: a {@link NodeError} where it names a node, with the original as its cause. */
export function decodeFailure(failure: Failure, host: string): Error {
  const original = decodeOriginal(failure, host);
  const { nodeId, phase, itemIndex } = failure;
  // That a node is busy is not its own failure.
  if (nodeId === undefined || failure.code === 'RM_NODE_BUSY') return original;
  return new NodeError({ nodeId, host, phase: phase ?? 'process', itemIndex, cause: original });
}

function decodeOriginal(failure: Failure, host: string): Error {
  const details = {
    host,
    ...(failure.cause === undefined ? {} : { cause: decodeFailure(failure.cause, host) }),
  };
  const message = [failure.message, ...(failure.notes ?? [])].join('\n');
  const { code, language, type, module, stack } = failure;
  if (code !== undefined && code !== 'RM_PYTHON_EXCEPTION' && Object.hasOwn(ERROR_CODES, code)) {
    if (code === 'RM_VALUE_NOT_TRANSFERABLE')
      return new ValueTransferError(message, failure.path ?? '', details);
    return new RemoteMediaError(code as ErrorCode, message, { ...details, nodeId: failure.nodeId });
  }
  if (language === 'python') {
    return new PythonError(
      module === '' || module === 'builtins' ? type : `${module}.${type}`,
      message,
      stack,
      details,
    );
  }
  const error = new Error(message, details);
  error.name = type;
  error.stack = stack;
  return error;
}

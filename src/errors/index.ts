export { ERROR_CODES, type ErrorCode } from './codes.js';
export {
  describeCause,
  GraphError,
  HostDiedError,
  InvalidArgumentError,
  isRemoteMediaError,
  ManifestError,
  NodeError,
  PythonError,
  RemoteMediaError,
  ValueTransferError,
  type ErrorDetails,
  type HostExit,
  type NodeErrorDetails,
  type NodePhase,
} from './errors.js';

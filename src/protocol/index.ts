export { dial, freshAddress, removeLeftBy } from './address.js';
export { Connection, type ConnectionHandler } from './connection.js';
export { ControlConnection, unknownMethod, type ControlHandler } from './control.js';
export { decodeFailure, encodeFailure, type Failure } from './failure.js';
export { readFirstLine } from './first-line.js';
export { isOwnerGone, watchOwner } from './owner.js';
export { helloOf, listener, refusedError, unexpectedFrame } from './listener.js';
export { NO_TICKET, type ReplicaInput, type ReplicaMessage } from './replica-messages.js';

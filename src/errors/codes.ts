/**
 * Every stable error code, with what it means. `docs/errors.md` lists the same ones; a test keeps the two in step.
 *
 * @enum
 */
export const ERROR_CODES = {
  RM_INVALID_NODE: 'A list item, or an object given as a node, lacks what a node must have.',
  RM_EMPTY_PIPELINE: 'A pipeline without nodes was asked to run.',
  RM_INVALID_PIPELINE: 'What was given as a pipeline is none.',
  RM_INVALID_INPUT: 'The input is not of the form that the call takes.',
  RM_INVALID_ARGUMENT: 'An option or a parameter has a wrong type or is out of range.',
  RM_INVALID_MANIFEST: 'A manifest cannot be read or breaks its schema.',
  RM_UNKNOWN_NODE_TYPE: 'A manifest names a node type that nothing provides.',
  RM_INVALID_GRAPH: 'The connections do not form a graph that can run.',
  RM_EXECUTOR_UNAVAILABLE: 'A node asks for an executor that is not there for it.',
  RM_NODE_FAILED: "A node's own code threw.",
  RM_NO_TIMESTAMP: 'Items are brought together by their times, and one has none.',
  RM_QUEUE_FULL: 'Items wait for others that do not come.',
  RM_TIMEOUT: 'A node took longer for an item than its failure policy allows.',
  RM_CANCEL_TIMEOUT: 'A node did not return in time after a cancel.',
  RM_NODE_BUSY: 'A streaming or source node is already running in another run.',
  RM_SESSION_ENDED: 'An item was written to a session that takes no more.',
  RM_SCRIPT_FAILED: 'A script of the testing kit does not come to its end.',
  RM_VALUE_NOT_TRANSFERABLE: 'A value cannot cross to another language or process.',
  RM_NOT_SERIALIZABLE: 'A value or a node cannot be serialized.',
  RM_INVALID_PAYLOAD: 'Serialized bytes are damaged, come from elsewhere, or do not fit this program.',
  RM_PYTHON_NOT_FOUND: 'No suitable Python interpreter was found.',
  RM_PYTHON_EXCEPTION: 'Python code raised an exception.',
  RM_HOST_START: 'A host did not start.',
  RM_HOST_DIED: 'A host ended while it was needed.',
  RM_CLOSED: 'A host or a handle was used after it had been closed.',
  RM_PROTOCOL: 'The other side of a connection broke the wire protocol.',
  RM_MEMORY_KEPT: 'A node keeps so much shared memory that nothing is left for others.',
  RM_SHARED_MEMORY_FULL: 'The folder for shared memory is full.',
  RM_MEDIA: 'A media file or stream cannot be decoded.',
  RM_MODULE: 'A module, file or class cannot be loaded.',
  RM_TSX_NOT_FOUND: 'A TypeScript file is to be loaded, and nothing is there that can.',
  RM_NODE_NOT_FOUND: 'A Python program found no usable Node.js, which the engine runs on.',
  RM_ENGINE_DIED: 'The engine of a Python program ended in the middle of a run.',
} as const;

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

import {
  checkedQueue,
  readQueue,
  writeQueue,
  type CheckedQueue,
  type WrittenSettings,
} from '../node/index.js';

/** What comes before a node whose inputs are brought together, or have queues of their own. */
export interface NodeInputs {
  /** Ids in the order of the lists that the node gets. */
  readonly ids: readonly string[];
  /** Whether some of them come from the same node somewhere before. */
  readonly isForked: boolean;
  /** Limits of those edges that state some, by the id of what gives. */
  readonly queues: ReadonlyMap<string, CheckedQueue>;
}

/** The same in a control message. */
export interface WrittenInputs extends Omit<NodeInputs, 'queues'> {
  readonly queues?: Readonly<Record<string, WrittenSettings['input_queue']>>;
}

/** What comes before a node, for a control message. */
export function writeInputs({ ids, isForked, queues }: NodeInputs): WrittenInputs {
  if (queues.size === 0) return { ids, isForked };
  return { ids, isForked, queues: Object.fromEntries([...queues].map(([id, own]) => [id, writeQueue(own)])) };
}

/** What comes before a node, from a control message. */
export function readInputs({ ids, isForked, queues = {} }: WrittenInputs): NodeInputs {
  const stated = Object.entries(queues).flatMap(([id, written]): [string, CheckedQueue][] => {
    const limits = readQueue(written);
    return limits === undefined ? [] : [[id, checkedQueue(limits, `queue of "${id}"`)]];
  });
  return { ids, isForked, queues: new Map(stated) };
}

import type { Slot } from './slots.js';

/** Why a value is refused, and what to do about it. */
export interface Refusal {
  /** What it is. */
  readonly kind: string;
  /** A clause. */
  readonly reason: string;
  /** A sentence. */
  readonly suggestion: string;
}

const OPEN_LATER = 'Open it in initialize() and close it in cleanup().';
const CREATE_LATER = 'Create it in initialize().';
const USE_HOOKS =
  'Give its class the methods [Symbol.for("remotemedia.getState")]() and [Symbol.for("remotemedia.setState")](state), or leave it out of the state.';

const BY_SLOT: Partial<Record<Slot, Refusal>> = {
  Promise: {
    kind: 'a Promise',
    reason: 'what it waits for happens in this program',
    suggestion: 'Await it first and keep the result, or start the work in initialize().',
  },
  WeakMap: weak('WeakMap', 'Map'),
  WeakSet: weak('WeakSet', 'Set'),
  WeakRef: {
    kind: 'a WeakRef',
    reason: 'what it refers to may vanish at any time',
    suggestion: 'Hold the object itself, or make the reference in initialize().',
  },
  FinalizationRegistry: {
    kind: 'a FinalizationRegistry',
    reason: 'it watches objects of this program',
    suggestion: CREATE_LATER,
  },
  Generator: {
    kind: 'a generator',
    reason: 'where its code has stopped cannot be seen',
    suggestion: 'Keep the function and its arguments, and call it in initialize().',
  },
  Iterator: {
    kind: 'an iterator',
    reason: 'its position cannot be seen',
    suggestion: 'Keep what it iterates over, and make the iterator in initialize().',
  },
  Arguments: {
    kind: 'an arguments object',
    reason: 'it is tied to a call',
    suggestion: 'Copy it into an array: [...arguments].',
  },
  KeyObject: {
    kind: 'a crypto.KeyObject',
    reason: 'keys stay in the process that holds them',
    suggestion: 'Keep what the key is read from, such as a file name, and create it in initialize().',
  },
  CryptoKey: {
    kind: 'a CryptoKey',
    reason: 'keys stay in the process that holds them',
    suggestion: 'Keep what the key is read from, and import it in initialize().',
  },
  External: {
    kind: 'an object of a native add-on',
    reason: 'it points into the memory of this process',
    suggestion: CREATE_LATER,
  },
  Intl: {
    kind: 'an Intl object',
    reason: 'its settings cannot be taken out whole',
    suggestion: 'Keep locale and options, and create it in initialize().',
  },
  WebAssembly: {
    kind: 'a WebAssembly object',
    reason: 'compiled code and its memory stay in this process',
    suggestion: 'Keep the bytes or the file name, and compile in initialize().',
  },
  SharedArrayBuffer: {
    kind: 'a SharedArrayBuffer',
    reason: 'it would no longer be shared',
    suggestion:
      'Copy it into an ArrayBuffer, or, for a worker thread of this process, give the options `buffers` and `sharedMemory: true`.',
  },
};

function weak(name: string, strong: string): Refusal {
  return {
    kind: `a ${name}`,
    reason: 'its entries cannot be listed',
    suggestion: `Use a ${strong}, or create it in initialize().`,
  };
}

/** The refusal of an object because of its hidden state, where there is one. */
export function refusalOfSlot(slot: Slot): Refusal | undefined {
  return BY_SLOT[slot];
}

export const PROXY: Refusal = {
  kind: 'a Proxy',
  reason: 'its target and its traps cannot be seen',
  suggestion: 'Keep the object behind it, and wrap that in initialize().',
};

export const DETACHED: Refusal = {
  kind: 'a detached ArrayBuffer',
  reason: 'its memory has been transferred to someone else',
  suggestion: 'Keep a copy, or leave it out of the state.',
};

/** Words for what Node.js makes; by the name of the nearest class of Node.js in the prototype chain. */
const NODE_REASONS: readonly (readonly [RegExp, string, string])[] = [
  [/Socket|Server$|Http|Agent|Tls/, 'it is tied to a connection of this process', OPEN_LATER],
  [
    /ReadStream|WriteStream|FileHandle|FSWatcher|StatWatcher|^Dir$/,
    'it is tied to an open file of this process',
    OPEN_LATER,
  ],
  [
    /Readable|Writable|Duplex|Transform|PassThrough|Stream/,
    'a stream has a position and a source in this process',
    OPEN_LATER,
  ],
  [
    /Timeout|Immediate|Interval/,
    'a timer belongs to the event loop of this process',
    'Start it in initialize() and clear it in cleanup().',
  ],
  [
    /ChildProcess|Worker|Cluster/,
    'it controls something that runs beside this thread',
    'Start it in initialize() and end it in cleanup().',
  ],
  [/MessagePort|MessageChannel|BroadcastChannel/, 'a port has its other end in this process', OPEN_LATER],
  [
    /AbortSignal|AbortController/,
    'whoever aborts it does so in this process',
    'Use the signal that the node is given in its context.',
  ],
  [/AsyncLocalStorage|AsyncResource/, 'it follows the calls of this process', CREATE_LATER],
  [
    /Hash|Hmac|Cipher|Decipher|Sign|Verify/,
    'its progress is inside OpenSSL',
    'Create it in initialize() or for each item.',
  ],
];

/** The refusal of an object that Node.js made. */
export function refusalOfNodeObject(name: string): Refusal {
  const bare = name.replace(/^.*[.:]/, '');
  for (const [pattern, reason, suggestion] of NODE_REASONS)
    if (pattern.test(bare)) return { kind: withArticle(name), reason, suggestion };
  return { kind: withArticle(name), reason: 'its state is inside Node.js', suggestion: CREATE_LATER };
}

/** The refusal of an instance whose class has private members. */
export function refusalOfPrivateNames(className: string, names: readonly string[]): Refusal {
  return {
    kind: `an instance of ${className}`,
    reason: `its private ${names.length === 1 ? 'member' : 'members'} ${names.join(', ')} cannot be seen from outside`,
    suggestion: `Give ${className} the method [Symbol.for("remotemedia.serialize")]() that returns its state, and the static method [Symbol.for("remotemedia.deserialize")](state) that makes an instance of it.`,
  };
}

/** The refusal of an object of a class that cannot be carried either way. */
export function refusalOfClass(kind: string, reason: string): Refusal {
  return { kind, reason, suggestion: USE_HOOKS };
}

/** A name with `a` or `an` before it. */
export function withArticle(name: string): string {
  return `${/^[aeiou]/i.test(name) ? 'an' : 'a'} ${name}`;
}

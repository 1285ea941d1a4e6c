// Tries to serialize what cannot be, and prints what the errors say.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import { createHash, createHmac, generateKeyPairSync, createSecretKey } from 'node:crypto';
import { open, opendir } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import { Server, Socket } from 'node:net';
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { MessageChannel, Worker } from 'node:worker_threads';
import { serialize } from 'remotemedia/serialization';
import { Point, WithSymbol } from './by-reference.mjs';

class Private {
  #secret = 1;
  read() {
    return this.#secret;
  }
}
class PrivateMethod {
  #run() {}
  go() {
    this.#run();
  }
}
class StaticPrivate {
  static #pool = [];
  static size() {
    return StaticPrivate.#pool.length;
  }
}
class PrivateChild extends Private {
  open = 1;
}
const compiled = new (class {
  constructor() {
    this.go = 1;
  }
  // What a compiler writes for a private field where the target has none.
  read() {
    return __classPrivateFieldGet(this, state);
  }
})();
const state = new WeakMap();
function __classPrivateFieldGet(object, map) {
  return map.get(object);
}

const weak = new WeakMap();
const socket = new Socket();
const file = await open(new URL(import.meta.url));
const folder = await opendir(new URL('.', import.meta.url));
const worker = new Worker('', { eval: true });
const child = spawn(process.execPath, ['-e', '']);
const timer = setTimeout(() => {}, 1e6);
const immediate = setImmediate(() => {});
const { port1 } = new MessageChannel();
const detached = new ArrayBuffer(8);
structuredClone(detached, { transfer: [detached] });
const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
const local = Symbol('local');
const source = createReadStream(new URL(import.meta.url));
const revoked = Proxy.revocable({}, {});
revoked.revoke();
function* generate() {
  yield 1;
}
async function* generateLater() {
  yield 1;
}
const outer = {
  arrowThis() {
    return () => this;
  },
  superMethod: {
    __proto__: { hi() {} },
    hi() {
      super.hi();
    },
  },
};
function withArguments() {
  return () => arguments;
}
function withNewTarget() {
  return () => new.target;
}
const withPoint = Object.assign(new Point(1, 2), { [local]: 1 });
const keyed = new (class {
  [(() => 'a')()] = 1;
})();

const forgotten = (() => {
  const key = 'k' + 1;
  return new (class Forgotten {
    [key] = 1;
  })();
})();

class Deleted {
  a() {}
}
delete Deleted.prototype.a;
function WithoutPrototype() {}
WithoutPrototype.prototype = undefined;

const cases = {
  'a Proxy': [{ a: { b: new Proxy({}, {}) } }, 'a.b'],
  'a revoked Proxy': [[revoked.proxy], '[0]'],
  'a Proxy of a function': [{ f: new Proxy(() => {}, {}) }, 'f'],
  'a Proxy as prototype': [{ o: Object.create(new Proxy({}, {})) }, 'o → prototype'],
  'a Promise': [{ pending: Promise.resolve() }, 'pending'],
  'a WeakMap': [{ cache: weak }, 'cache'],
  'a WeakSet': [{ seen: new WeakSet() }, 'seen'],
  'a WeakRef': [{ ref: new WeakRef({}) }, 'ref'],
  'a FinalizationRegistry': [{ registry: new FinalizationRegistry(() => {}) }, 'registry'],
  'a generator': [{ steps: generate() }, 'steps'],
  'an async generator': [{ steps: generateLater() }, 'steps'],
  'an iterator of an array': [{ steps: [1][Symbol.iterator]() }, 'steps'],
  'an iterator of a Map': [{ steps: new Map().entries() }, 'steps'],
  'matches of a regular expression': [{ steps: 'a'.matchAll(/a/g) }, 'steps'],
  'an arguments object': [
    {
      args: (function () {
        return arguments;
      })(1),
    },
    'args',
  ],
  'a socket in a list': [{ pool: { sockets: [null, null, socket] } }, 'pool.sockets[2]'],
  'a server': [{ server: new Server() }, 'server'],
  'an HTTP server': [{ server: createServer() }, 'server'],
  'a read stream': [{ source }, 'source'],
  'a write stream': [{ log: createWriteStream('/dev/null') }, 'log'],
  'a Readable': [{ s: Readable.from([]) }, 's'],
  'a Writable': [{ s: new Writable() }, 's'],
  'a Duplex': [{ s: new Duplex() }, 's'],
  'a Transform': [{ s: new Transform() }, 's'],
  'a subclass of a stream': [{ s: new (class extends PassThrough {})() }, 's'],
  'a web stream': [{ s: new ReadableStream() }, 's'],
  'a file handle': [{ file_handle: file }, 'file_handle'],
  'a folder handle': [{ folder }, 'folder'],
  'a timer': [{ timer }, 'timer'],
  'an immediate': [{ immediate }, 'immediate'],
  'a worker': [{ worker }, 'worker'],
  'a child process': [{ child }, 'child'],
  'a message port': [{ port: port1 }, 'port'],
  'a hash': [{ hash: createHash('sha256') }, 'hash'],
  'an HMAC': [{ hmac: createHmac('sha256', 'k') }, 'hmac'],
  'a KeyObject': [{ key: createSecretKey(Buffer.from('k')) }, 'key'],
  'a private key': [{ key: generateKeyPairSync('ed25519').privateKey }, 'key'],
  'an AsyncLocalStorage': [{ store: new AsyncLocalStorage() }, 'store'],
  'an AbortController': [{ controller: new AbortController() }, 'controller'],
  'an AbortSignal': [{ signal: new AbortController().signal }, 'signal'],
  'an EventTarget': [{ target: new EventTarget() }, 'target'],
  'a Blob': [{ blob: new Blob(['x']) }, 'blob'],
  'a TextEncoder': [{ encoder: new TextEncoder() }, 'encoder'],
  'HTTP headers': [{ headers: new Headers({ a: 'b' }) }, 'headers'],
  'an HTTP request': [{ request: new Request('http://host/') }, 'request'],
  'an Event': [{ event: new Event('x') }, 'event'],
  'a function that promisify made': [{ f: promisify((done) => done()) }, 'f'],
  'an emitter with a listener of once': [
    { bus: new EventEmitter().once('x', () => {}) },
    // Newer versions of Node.js do not bind it.
    undefined,
  ],
  'a class whose method was deleted': [{ Class: Deleted }, 'Class'],
  'a function whose prototype is undefined': [{ f: WithoutPrototype }, 'f'],
  'a TextDecoder': [{ decoder: new TextDecoder() }, 'decoder'],
  'an Intl object': [{ format: new Intl.NumberFormat() }, 'format'],
  'a WebAssembly memory': [{ memory: new WebAssembly.Memory({ initial: 1 }) }, 'memory'],
  'a SharedArrayBuffer': [{ shared: new SharedArrayBuffer(8) }, 'shared'],
  'a view of a SharedArrayBuffer': [{ shared: new Uint8Array(new SharedArrayBuffer(8)) }, 'shared.buffer'],
  'a detached ArrayBuffer': [{ buffer: detached }, 'buffer'],
  'a view that may grow': [{ view: new Uint8Array(resizable) }, 'view'],
  'private fields': [{ list: [new Private()] }, 'list[0]'],
  'private methods': [{ node: new PrivateMethod() }, 'node'],
  'private fields of the class above': [{ node: new PrivateChild() }, 'node'],
  'private fields written by a compiler': [{ node: compiled }, 'node'],
  'private static fields': [{ Class: StaticPrivate }, 'Class'],
  'a captured socket': [{ onText: () => socket }, 'onText → captured variable "socket"'],
  'a captured WeakMap, deep': [{ on: { text: () => () => weak } }, 'on.text → captured variable "weak"'],
  'a bound Promise': [{ f: function () {}.bind(Promise.resolve()) }, 'f → bound this'],
  'a key of a Map': [{ map: new Map([[Promise.resolve(), 1]]) }, 'map → key 0'],
  'a value of a Map': [{ map: new Map([['k', Promise.resolve()]]) }, 'map → value of "k"'],
  'an element of a Set': [{ set: new Set([1, Promise.resolve()]) }, 'set → element 1'],
  'under a symbol': [{ [local]: Promise.resolve() }, '[Symbol(local)]'],
  'under an odd name': [{ 'a b': Promise.resolve() }, '["a b"]'],
  'the cause of an error': [{ e: new Error('x', { cause: Promise.resolve() }) }, 'e.cause'],
  'native code': [{ f: Object.getOwnPropertyDescriptor(Map.prototype, 'size').get }, 'f'],
  eval: [{ f: (x) => eval(x) }, 'f'],
  'arguments of the function around': [{ f: withArguments(1) }, 'f'],
  'new.target of the function around': [{ f: withNewTarget() }, 'f'],
  'this of the function around': [{ f: outer.arrowThis() }, 'f → this.superMethod.hi'],
  'super of an object': [{ f: outer.superMethod.hi }, 'f'],
  'a method of a class with super': [
    {
      f: class extends Point {
        get length() {
          return super.length;
        }
        go() {
          return super.length;
        }
      }.prototype.go,
    },
    'f',
  ],
  'a computed key that calls': [keyed, 'prototype → class (anonymous)'],
  'a computed key that is forgotten': [forgotten, 'prototype → class Forgotten'],
  'a local symbol on an instance of a module': [withPoint, '[Symbol(local)]'],
  'the value itself': [Promise.resolve(), ''],
  'deep in a long path': [
    Array.from({ length: 30 }).reduce((value) => ({ n: value }), Promise.resolve()),
    undefined,
  ],
};

void WithSymbol;
const results = {};
for (const [name, [value, path]] of Object.entries(cases)) {
  try {
    await serialize(value, { node: 'bad' });
    results[name] = { error: 'it was not refused' };
  } catch (error) {
    const { path: found, kind, reason, suggestion, node, message, code } = error;
    results[name] = {
      expected: path ?? found,
      path: found,
      kind,
      reason,
      suggestion,
      node,
      message,
      code,
      ...(code === undefined ? { error: String(error.stack) } : {}),
    };
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));

import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { RemoteMediaError } from '../errors/index.js';
import { FRAME, WIRE_VERSION, type Frame } from '../wire/index.js';
import { freshAddress, listenAt } from './address.js';
import { Connection, type ConnectionHandler } from './connection.js';

/** How long a connection may take to say who it is, in milliseconds. */
const HELLO_TIMEOUT_MS = 10_000;

/** What a dialler says of itself. */
interface Hello {
  readonly version: number;
  readonly token: string;
}

type Welcome = (connection: Connection) => ConnectionHandler;

/** Where hosts dial in: for their control connections, and for channels that end in this process. One per process. */
class Listener {
  /** Where it listens once that is needed. @defaultValue a fresh address of this process */
  wantedAddress: string | undefined;
  #address: Promise<string> | undefined;
  readonly #expected = new Map<string, Welcome>();

  /** The address at which this process listens, from now on. */
  address(): Promise<string> {
    this.#address ??= this.#listen();
    return this.#address;
  }

  async #listen(): Promise<string> {
    try {
      const { address } = await listenAt(this.wantedAddress ?? freshAddress('engine'), (socket) => {
        this.#greet(socket);
      });
      return address;
    } catch (error) {
      // The next one may have more luck.
      this.#address = undefined;
      throw error;
    }
  }

  /** Lets in the one connection that shows this token; gives a function that takes the invitation back. */
  expect(token: string, welcome: Welcome): () => void {
    this.#expected.set(token, welcome);
    return () => {
      this.#expected.delete(token);
    };
  }

  #greet(socket: Socket): void {
    socket.unref();
    const connection = new Connection(socket, {
      onFrame: (frame) => {
        clearTimeout(timer);
        this.#welcome(connection, frame);
      },
      onClose: () => {
        clearTimeout(timer);
      },
    });
    const timer = setTimeout(() => {
      connection.refuse('no HELLO came');
    }, HELLO_TIMEOUT_MS).unref();
  }

  #welcome(connection: Connection, frame: Frame): void {
    const hello = frame.payload as Partial<Hello> | null;
    if (frame.kind !== FRAME.HELLO || typeof hello?.token !== 'string') {
      connection.refuse('the first frame must be a HELLO with a token');
      return;
    }
    if (hello.version !== WIRE_VERSION) {
      connection.refuse(
        `this side speaks version ${String(WIRE_VERSION)} of the wire, the other one ${String(hello.version)}`,
      );
      return;
    }
    const token = [...this.#expected.keys()].find((expected) => isSame(expected, hello.token as string));
    const welcome = token === undefined ? undefined : this.#expected.get(token);
    if (token === undefined || welcome === undefined) {
      connection.refuse('nobody expects this token');
      return;
    }
    this.#expected.delete(token);
    connection.handler = welcome(connection);
  }
}

/** This process's listener. */
export const listener: Listener = new Listener();

function isSame(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.byteLength === second.byteLength && timingSafeEqual(first, second);
}

/** What this process says of itself when it dials. */
export function helloOf(token: string, role: 'control' | 'engine' | 'watch'): object;
export function helloOf(token: string, role: 'producer', channel: string): object;
export function helloOf(token: string, role: string, channel?: string): object {
  return {
    version: WIRE_VERSION,
    token,
    role,
    ...(channel === undefined ? {} : { channel }),
    pid: process.pid,
    language: 'typescript',
  };
}

/** The error of a connection that the other side did not want. */
export function refusedError(frame: Frame): RemoteMediaError {
  const message = (frame.payload as { message?: unknown } | null)?.message;
  return new RemoteMediaError('RM_PROTOCOL', `The connection was refused: ${String(message)}.`);
}

/** The error of a frame that does not belong on its connection. */
export function unexpectedFrame(frame: Frame): RemoteMediaError {
  return new RemoteMediaError(
    'RM_PROTOCOL',
    `A frame of kind 0x${frame.kind.toString(16)} came where none belongs.`,
  );
}

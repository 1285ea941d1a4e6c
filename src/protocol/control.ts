import { RemoteMediaError } from '../errors/index.js';
import { FRAME, lower, type Frame } from '../wire/index.js';
import { dial } from './address.js';
import { Connection, type ConnectionHandler } from './connection.js';
import { decodeFailure, encodeFailure, type Failure } from './failure.js';
import { refusedError, unexpectedFrame } from './listener.js';

interface PendingRequest {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The id of a request that nobody waits for: an answer would only wake who made it. */
const NO_ANSWER = 0;

/** What one end of a control connection does with what comes from the other one. */
export interface ControlHandler {
  onEvent?(name: string, params: unknown): void;
  /** Answers a request; called at once, so that requests take effect in the order in which they come. */
  onRequest?(method: string, params: unknown): unknown;
  /** Called once; the error that ended the connection, if one did. */
  onClosed(error: Error | undefined): void;
}

/** One end of a control connection: requests, answers and events, both ways; see `schema/wire.md`. */
export class ControlConnection implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #peer: string;
  readonly #handler: ControlHandler;
  readonly #pending = new Map<number, PendingRequest>();
  #lastId = 0;
  #holds = 0;
  #isClosed = false;

  /** @param peer - name of the other end, for messages */
  constructor(connection: Connection, peer: string, handler: ControlHandler) {
    this.#connection = connection;
    this.#peer = peer;
    this.#handler = handler;
  }

  /**
   * Connects to whoever started this process or thread; for as long as the connection is there, it stays alive.
   *
   * @throws RemoteMediaError `RM_PROTOCOL` where nobody listens at the address
   */
  static async dial(
    address: string,
    hello: object,
    peer: string,
    handler: ControlHandler,
  ): Promise<ControlConnection> {
    const socket = await dial(address);
    const connection = new Connection(socket, { onFrame: ignore, onClose: ignore });
    const control = new ControlConnection(connection, peer, handler);
    connection.handler = control;
    control.hold();
    connection.send(FRAME.HELLO, hello);
    return control;
  }

  /**
   * Asks the other end for something. The program stays alive until the answer is there.
   *
   * @throws the error of the other end, or `RM_CLOSED` where the connection is closed or closes meanwhile
   */
  async request(method: string, params: object): Promise<unknown> {
    if (this.#isClosed) throw this.#closedError(method);
    const id = ++this.#lastId;
    const lowered = lower([id, method, params]);
    const release = this.hold();
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { method, resolve, reject });
        this.#connection.send(FRAME.REQUEST, lowered);
      });
    } finally {
      release();
    }
  }

  /** Asks the other end for something that needs no answer. Where the connection is closed nothing happens. */
  order(method: string, params: object): void {
    if (!this.#isClosed) this.#connection.send(FRAME.REQUEST, lower([NO_ANSWER, method, params]));
  }

  /** Tells the other end something. */
  emit(name: string, params: object): void {
    if (!this.#isClosed) this.#connection.send(FRAME.EVENT, lower([name, params]));
  }

  /** How many bytes have been written so far. */
  get writtenBytes(): number {
    return this.#connection.writtenBytes;
  }

  /** How many of them the system has: the others are lost where this process ends now. */
  get sentBytes(): number {
    return this.#connection.sentBytes;
  }

  /** Keeps the program alive until the function that it gives is called. */
  hold(): () => void {
    if (++this.#holds === 1) this.#connection.keepAlive(true);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#holds === 0) this.#connection.keepAlive(false);
    };
  }

  /** Sends what is left and closes the connection; a host then ends. */
  close(): void {
    this.#connection.end();
  }

  onFrame(frame: Frame): void {
    switch (frame.kind) {
      case FRAME.RESPONSE:
        this.#settle(frame.payload as [number, boolean, unknown]);
        return;
      case FRAME.EVENT: {
        const [name, params] = frame.payload as [string, unknown];
        this.#handler.onEvent?.(name, params);
        return;
      }
      case FRAME.REQUEST:
        if (this.#handler.onRequest === undefined || !isRequest(frame.payload)) break;
        void this.#answer(...frame.payload);
        return;
      case FRAME.REFUSED:
        this.#connection.fail(refusedError(frame));
        return;
      default:
    }
    this.#connection.fail(unexpectedFrame(frame));
  }

  onClose(error: Error | undefined): void {
    this.#isClosed = true;
    for (const { method, reject } of this.#pending.values()) reject(this.#closedError(method));
    this.#pending.clear();
    this.#handler.onClosed(error);
  }

  #settle([id, isDone, result]: readonly [number, boolean, unknown]): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (isDone) pending?.resolve(result);
    else pending?.reject(decodeFailure(result as Failure, this.#peer));
  }

  async #answer(id: number, method: string, params: object): Promise<void> {
    try {
      const result = await this.#handler.onRequest?.(method, params);
      if (id === NO_ANSWER) return;
      // By itself first, so that a refusal names the place in the value and not in the frame.
      this.#connection.send(FRAME.RESPONSE, [id, true, lower(result ?? null)]);
    } catch (error) {
      if (id === NO_ANSWER) return;
      this.#connection.send(FRAME.RESPONSE, [id, false, lower(encodeFailure(error))]);
    }
  }

  #closedError(method: string): RemoteMediaError {
    return new RemoteMediaError(
      'RM_CLOSED',
      `Host "${this.#peer}" was closed: it cannot answer "${method}". Start another one.`,
      { host: this.#peer },
    );
  }
}

function ignore(): void {
  // Nothing comes before the connection has its handler.
}

function isRequest(payload: unknown): payload is [id: number, method: string, params: object] {
  if (!Array.isArray(payload) || payload.length !== 3) return false;
  const [id, method, params] = payload as unknown[];
  return (
    typeof id === 'number' && typeof method === 'string' && typeof params === 'object' && params !== null
  );
}

/** The error for a method that is not there. */
export function unknownMethod(method: string): RemoteMediaError {
  return new RemoteMediaError('RM_PROTOCOL', `There is no method "${method}" here.`);
}

import { RemoteMediaError } from '../errors/index.js';
import { FRAME, lower, type Frame } from '../wire/index.js';
import type { Connection, ConnectionHandler } from './connection.js';
import { decodeFailure, type Failure } from './failure.js';
import { unexpectedFrame } from './listener.js';

interface PendingRequest {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The engine's end of a control connection: requests to a host, and events from it. */
export class ControlConnection implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #host: string;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #onEvent: (name: string, params: unknown) => void;
  readonly #onClosed: (error: Error | undefined) => void;
  #lastId = 0;
  #holds = 0;
  #isClosed = false;

  constructor(
    connection: Connection,
    host: string,
    onEvent: (name: string, params: unknown) => void,
    onClosed: (error: Error | undefined) => void,
  ) {
    this.#connection = connection;
    this.#host = host;
    this.#onEvent = onEvent;
    this.#onClosed = onClosed;
  }

  /**
   * Asks the host for something. The program stays alive until the answer is there.
   *
   * @throws the error of the host, or `RM_CLOSED` where the connection is closed or closes meanwhile
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

  /** Closes the connection; the host then ends. */
  close(): void {
    this.#connection.end();
  }

  onFrame(frame: Frame): void {
    if (frame.kind === FRAME.RESPONSE) {
      const [id, isDone, result] = frame.payload as [number, boolean, unknown];
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (isDone) pending?.resolve(result);
      else pending?.reject(decodeFailure(result as Failure, this.#host));
      return;
    }
    if (frame.kind === FRAME.EVENT) {
      const [name, params] = frame.payload as [string, unknown];
      this.#onEvent(name, params);
      return;
    }
    this.#connection.fail(unexpectedFrame(frame));
  }

  onClose(error: Error | undefined): void {
    this.#isClosed = true;
    for (const { method, reject } of this.#pending.values()) reject(this.#closedError(method));
    this.#pending.clear();
    this.#onClosed(error);
  }

  #closedError(method: string): RemoteMediaError {
    return new RemoteMediaError(
      'RM_CLOSED',
      `Host "${this.#host}" was closed: it cannot answer "${method}". Start another one.`,
      {
        host: this.#host,
      },
    );
  }
}

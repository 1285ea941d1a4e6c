import type { Socket } from 'node:net';
import {
  encodeFrame,
  FRAME,
  FrameReader,
  type Frame,
  type FrameKind,
  type SliceReader,
} from '../wire/index.js';

/** What is done with what comes over a connection. */
export interface ConnectionHandler {
  onFrame(frame: Frame): void;
  /** Called once; the error that ended the connection, if one did. */
  onClose(error: Error | undefined): void;
}

/** Frames over a socket, in both directions. */
export class Connection {
  /** May be replaced at any time, also by itself while a frame is being handled. */
  handler: ConnectionHandler;
  readonly #socket: Socket;
  readonly #reader: FrameReader = new FrameReader();
  #error: Error | undefined;
  #onDrain: (() => void) | undefined;
  #writtenBytes = 0;

  constructor(socket: Socket, handler: ConnectionHandler) {
    this.#socket = socket;
    this.handler = handler;
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('drain', () => this.#onDrain?.());
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('close', () => {
      this.handler.onClose(this.#error);
    });
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.read(chunk)) {
        if (this.#socket.destroyed) return;
        this.handler.onFrame(frame);
      }
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** Finds the bytes of slices in what comes from now on. */
  set slices(reader: SliceReader) {
    this.#reader.slices = reader;
  }

  /** Sends a frame; gives whether the socket takes more at once. */
  send(kind: FrameKind, payload: unknown): boolean {
    return this.sendBytes(encodeFrame(kind, payload));
  }

  /** Sends an encoded frame; gives whether the socket takes more at once. */
  sendBytes(frame: Buffer): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    // The socket's own count goes through all that waits, each time.
    this.#writtenBytes += frame.byteLength;
    return this.#socket.write(frame);
  }

  /** Called each time that the socket takes more again. */
  set onDrain(listener: () => void) {
    this.#onDrain = listener;
  }

  /** How many bytes have been written so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** How many of them the system has: the others are lost where this process ends now. */
  get sentBytes(): number {
    return this.#writtenBytes - this.#socket.writableLength;
  }

  /** Whether what was sent is still on its way to the socket. */
  get isCongested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Tells the other side why, and closes. */
  refuse(message: string): void {
    this.send(FRAME.REFUSED, { message });
    this.end();
  }

  /** Closes because of an error. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  /** Sends what is left, then closes. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Whether this connection keeps the program alive. */
  keepAlive(isWanted: boolean): void {
    if (isWanted) this.#socket.ref();
    else this.#socket.unref();
  }
}

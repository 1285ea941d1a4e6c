import { isRemoteMediaError } from '../../errors/index.js';
import { InProcessHost } from '../../hosts/index.js';
import { DEFAULT_QUEUE } from '../../node/index.js';
import { ItemQueue, newTag, QueueSink, type RunWatch } from '../../segment/index.js';
import type { PipelineDefinition } from '../definition.js';
import type { ResolveOptions, resolvePipeline } from '../resolve/resolve.js';
import { Session } from '../session/session.js';

/** What the session of a replica is opened with. */
export interface ReplicaSessionRequest {
  /** Of the one node. */
  readonly definition: PipelineDefinition;
  readonly resolve: typeof resolvePipeline;
  readonly options: ResolveOptions;
  /** How many items it is given at once. */
  readonly maxItems: number;
  /** What nodes know the session by that they are part of. */
  readonly sessionId: string | undefined;
  /** Cancels it. */
  readonly signal: AbortSignal | undefined;
  /** How it is watched, where it is. */
  readonly watch: RunWatch | undefined;
}

/** A session inside another one: the one node of a replica, in its host. Whoever holds it is one that ends, and may be interrupted, itself. */
export class ReplicaSession {
  /** Settles when all is cleaned up; rejects with what it failed with. */
  readonly done: Promise<void>;
  readonly #queue: ItemQueue;
  readonly #sink: QueueSink = new QueueSink();
  #session: Session | undefined;

  /** @throws NodeError where `initialize` fails, and what keeps the node from being made; then nothing is left */
  static async open(request: ReplicaSessionRequest): Promise<ReplicaSession> {
    let setOpen = (): void => undefined;
    const opened = new Promise<void>((resolve) => (setOpen = resolve));
    const session = new ReplicaSession(request, setOpen);
    await Promise.race([opened, session.done]);
    return session;
  }

  private constructor(request: ReplicaSessionRequest, onReady: () => void) {
    this.#queue = new ItemQueue({ ...DEFAULT_QUEUE, maxItems: request.maxItems }, () => {
      this.#queue.close(true);
    });
    this.done = this.#run(request, onReady).finally(() => {
      this.#sink.close(false);
    });
    // Who reads the outputs sees it; it must not count as unhandled before.
    this.done.catch(() => undefined);
  }

  async #run(request: ReplicaSessionRequest, onReady: () => void): Promise<void> {
    const { definition, resolve, options, sessionId, signal, watch } = request;
    signal?.throwIfAborted();
    const driver = new InProcessHost();
    const pipeline = await resolve(definition, driver, options);
    try {
      const input = { isGiven: false, items: this.#queue };
      this.#session = new Session(pipeline, input, {
        driver,
        output: this.#sink,
        logger: options.logger,
        isMetered: false,
        signal,
        isInterruptible: false,
        isLive: true,
        id: sessionId,
        onReady,
        watch,
      });
      await this.#session.execute();
    } finally {
      await pipeline.release();
    }
  }

  /** Gives it an item. After its end nothing happens. */
  write(item: unknown): void {
    // There is always room: who writes counts what is under way.
    void this.#queue.push(item, newTag());
  }

  /** No more items will come. */
  end(): void {
    this.#queue.close(false);
  }

  /** Makes stale what was written before this stamp. */
  interrupt(before: number): void {
    this.#session?.interrupt(before);
  }

  /**
   * Ends it now, and waits until all is cleaned up; what it may have failed with is not told.
   *
   * @throws RemoteMediaError `RM_CANCEL_TIMEOUT` where the node does not return
   */
  async cancel(): Promise<void> {
    this.#queue.close(true);
    this.#sink.close(true);
    this.#session?.cancel(new DOMException('The run of the node is over.', 'AbortError'));
    try {
      await this.done;
    } catch (error) {
      if (isRemoteMediaError(error) && error.code === 'RM_CANCEL_TIMEOUT') throw error;
    }
  }

  /** The outputs, as they come; a failure comes after those before it. */
  async *outputs(): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const output = await this.#sink.take();
      if (output === undefined) break;
      yield output.value;
    }
    await this.done;
  }
}

import { RemoteMediaError } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import type { ControlConnection } from '../../protocol/index.js';
import { DeathWatch } from '../death-watch.js';
import type { Host, Language, OpenSegment, SegmentRequest } from '../host.js';
import {
  describeSegment,
  RemoteSegment,
  type DeadLetterEvent,
  type LossesEvent,
  type DoneEvent,
  type StuckEvent,
} from './remote-segment.js';
import { watchedSegment } from './watched-segment.js';

/** A little less than the session waits, so that the host can still say which node it is. */
const CANCEL_TIMEOUT_MS = 4800;

/** What Python's levels are called here. */
const LOG_METHODS: Readonly<Record<string, keyof Logger>> = {
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
};

let segmentCount = 0;

/** A host at the other end of a control connection: opens segments there, and hears of them. */
export abstract class RemoteHost implements Host {
  abstract readonly language: Language;
  readonly canShareMemory = true;
  /** Name in plans and errors. */
  name: string;
  protected readonly logger: Logger;
  /** There once the host is ready. */
  protected control: ControlConnection | undefined;
  /** Whether this program is closing the host. */
  protected isClosing = false;
  readonly #segments = new Map<string, RemoteSegment>();
  #deathWatch: DeathWatch | undefined;

  constructor(name: string, logger: Logger) {
    this.name = name;
    this.logger = logger;
  }

  /** Resolves when the host has ended, with the error that runs see. */
  abstract get death(): Promise<Error>;

  /** @internal */
  watchDeath(listener: (error: Error) => void): () => void {
    this.#deathWatch ??= new DeathWatch(this.death);
    return this.#deathWatch.add(listener);
  }

  /** How many runs and segments would be told of the host's death. @internal */
  get deathListenerCount(): number {
    return this.#deathWatch?.size ?? 0;
  }

  /** @internal */
  abstract listen(): Promise<string>;

  /** @internal */
  open(request: SegmentRequest): Promise<OpenSegment> {
    return this.openSegment(request, {});
  }

  /** @param extra - what the description of the segment says beside what every host gets */
  protected async openSegment(request: SegmentRequest, extra: object): Promise<OpenSegment> {
    const id = `${request.segment.id}-${String(++segmentCount)}`;
    const segment = new RemoteSegment(id, this.#segmentHost(), request);
    this.#segments.set(id, segment);
    const { run } = request;
    const cancel = (): void => {
      segment.cancel();
    };
    run.signal.addEventListener('abort', cancel, { once: true });
    const watched = watchedSegment(run.watch, this, (name, params) => {
      this.onEvent(name, params);
    });
    void segment.done.then(watched.forget);
    try {
      run.initializing = request.segment.nodes.find((nodeId) => request.nodes.has(nodeId));
      const description = await describeSegment(id, request, CANCEL_TIMEOUT_MS, watched.description);
      // From here on a cancel finds the segment in the host.
      run.signal.throwIfAborted();
      await this.request('open', { ...description, ...extra });
      run.initializing = undefined;
      return segment;
    } catch (error) {
      segment.abandon();
      watched.forget();
      this.#segments.delete(id);
      throw error;
    } finally {
      run.signal.removeEventListener('abort', cancel);
    }
  }

  /** Whether segments are open, or about to be. */
  protected get hasSegments(): boolean {
    return this.#segments.size > 0;
  }

  #segmentHost(): ConstructorParameters<typeof RemoteSegment>[1] {
    return {
      name: this.name,
      request: (method, params) => this.request(method, params),
      order: (method, params) => this.control?.order(method, params),
      watchDeath: (listener) => this.watchDeath(listener),
      hold: () => this.control?.hold() ?? (() => undefined),
    };
  }

  /**
   * Asks the host for something.
   *
   * @throws the error of the host; where it has died, that of its death
   * @internal
   */
  async request(method: string, params: object): Promise<unknown> {
    if (this.control === undefined) throw new Error('a host was used before it was ready');
    try {
      return await this.control.request(method, params);
    } catch (error) {
      const isClosed = error instanceof RemoteMediaError && error.code === 'RM_CLOSED';
      if (!isClosed || this.isClosing) throw error;
      throw await this.death;
    }
  }

  /** Takes an event of the host. */
  protected onEvent(name: string, params: unknown): void {
    if (name === 'done') {
      const event = params as DoneEvent;
      this.#segments.get(event.segment)?.end(event);
      this.#segments.delete(event.segment);
    } else if (name === 'initializing') {
      const { segment, nodeId } = params as { segment: string; nodeId: string };
      this.#segments.get(segment)?.initializes(nodeId);
    } else if (name === 'interrupted') {
      const { segment, before } = params as { segment: string; before: number };
      this.#segments.get(segment)?.interrupted(before);
    } else if (name === 'dead-letter') {
      const event = params as DeadLetterEvent;
      this.#segments.get(event.segment)?.givesUp(event);
    } else if (name === 'losses') {
      const event = params as LossesEvent;
      this.#segments.get(event.segment)?.loses(event);
    } else if (name === 'stuck') {
      const event = params as StuckEvent;
      this.#segments.get(event.segment)?.isStuck(event);
    } else if (name === 'log') {
      const { level, logger, message } = params as { level: string; logger: string; message: string };
      const write = LOG_METHODS[level.toLowerCase()] ?? 'debug';
      this.logger[write](`[${this.name}] ${logger}: ${message}`);
    }
  }
}

import { describeCause, NodeError, RemoteMediaError, ValueTransferError } from '../errors/index.js';
import {
  describeType,
  isAsyncIterable,
  isIterableObject,
  type AnyNode,
  type Items,
  type NodeContext,
} from '../node/index.js';
import { INPUT } from '../plan/index.js';
import { ItemContext } from './item-context.js';
import { ItemQueue } from './item-queue.js';
import { closeIterator } from './iterators.js';
import { Pace } from './pace.js';
import type { Legacy } from './row.js';
import type { Feeder, Mortal, RunState } from './run-state.js';
import type { Stage, Upstream } from './stage.js';
import { newTag, type Tag } from './tag.js';

/** How long what is read may take to close where it was left in the middle of making an item, in milliseconds. */
const CLOSE_GRACE_MS = 100;

interface OpenSyncItems {
  readonly isAsync: false;
  readonly iterator: Iterator<unknown>;
}

interface OpenAsyncItems {
  readonly isAsync: true;
  readonly iterator: AsyncIterator<unknown>;
  /** Ends a stream of Node.js. */
  readonly destroy?: (() => void) | undefined;
  /** The step that is waited for. */
  pending?: Promise<IteratorResult<unknown>> | undefined;
}

/** An iterable that is being read. */
type OpenItems = OpenSyncItems | OpenAsyncItems;

/** Reads items from an iterable and pushes them into a stage, until it ends or is stopped. */
export abstract class Feed implements Feeder, Upstream {
  /** How many items it has let in. */
  itemsOut = 0;
  /** Of the node, or of the input. */
  abstract readonly id: string;
  protected readonly run: RunState;
  readonly #target: Stage;
  #hasStopped = false;
  /** The session is changed. */
  #isPassing = false;
  #isReading = false;
  #abandon: (() => void) | undefined;

  constructor(target: Stage, run: RunState) {
    this.#target = target;
    this.run = run;
    target.addUpstream(this);
  }

  /** Opens what is read. */
  protected abstract items(): Items<unknown> | PromiseLike<Items<unknown>>;
  /** What the item has that was read last, in a session. */
  protected abstract tag(): Tag;
  /** What the run before has left of it. */
  protected inherit(): OpenItems | undefined {
    return undefined;
  }
  /** The session is changed between two items: leaves what is open to the next run. */
  protected leave(_open: OpenItems): void {
    throw new Error('the input of a session is left by its end');
  }
  /** Says what an error of the iterable means. */
  protected abstract wrap(error: unknown): Error;
  /** Whether an item is one at all; throws where it cannot be. */
  protected abstract accepts(item: unknown): boolean;

  /** Whether code of what is read has not returned: what a cancel waits for. */
  get isBusy(): boolean {
    return this.#isReading;
  }

  #isStopped(): boolean {
    return this.#hasStopped;
  }

  stop(): void {
    this.#hasStopped = true;
    this.#abandon?.();
  }

  /** Lets no new item in from now on: what is open goes on in the next run. */
  protected passOn(): void {
    this.#isPassing = true;
    this.#abandon?.();
  }

  get #isLeft(): boolean {
    return this.#hasStopped || this.#isPassing;
  }

  downstreamStopped(): void {
    this.stop();
  }

  /** Feeds everything; resolves once the stage and all that is downstream of it have finished. Never rejects. */
  async feed(): Promise<void> {
    this.run.addFeeder(this);
    try {
      const open = this.inherit() ?? (this.#isLeft ? undefined : await this.#open());
      if (open !== undefined) await (open.isAsync ? this.#feedAsync(open) : this.#feedSync(open));
    } catch (error) {
      if (this.run.isCancelled)
        this.run.logger.debug(`an input failed after the cancel: ${describeCause(error)}`);
      else this.run.fail(this.wrap(error));
    }
    this.#isReading = false;
    this.run.removeFeeder(this);
    await this.#target.end();
  }

  async #open(): Promise<OpenItems> {
    this.#isReading = true;
    const items = await this.items();
    this.#isReading = false;
    if (this.#isStopped()) this.run.logger.debug('an input was no longer wanted when it was there');
    if (!isAsyncIterable(items)) return { isAsync: false, iterator: items[Symbol.iterator]() };
    const { destroy } = items as { readonly destroy?: unknown };
    const isDestroyable = typeof destroy === 'function';
    return {
      isAsync: true,
      iterator: items[Symbol.asyncIterator](),
      destroy: isDestroyable ? (destroy.bind(items) as () => void) : undefined,
    };
  }

  async #feedSync(open: OpenSyncItems): Promise<void> {
    const pace = new Pace();
    const { iterator } = open;
    let isOpen = true;
    try {
      // A stop may come while the iterable makes an item.
      while (!this.#isLeft) {
        // What fails by itself is at its end.
        isOpen = false;
        const step = iterator.next();
        if (step.done === true) return;
        isOpen = true;
        if (this.#isStopped()) return;
        if (!this.accepts(step.value)) continue;
        const wait = this.#push(step.value);
        if (wait !== undefined) await wait;
        if (pace.isTurnDue()) await pace.turn();
      }
    } finally {
      if (isOpen && this.#mayPass()) this.leave(open);
      else if (isOpen) iterator.return?.();
    }
  }

  #mayPass(): boolean {
    return this.#isPassing && !this.#hasStopped;
  }

  #push(item: unknown): Promise<void> | undefined {
    this.itemsOut++;
    if (this.run.isTagged) {
      this.run.tag = this.tag();
      // It was interrupted on its way here.
      if (this.run.isStale(this.run.tag)) {
        this.run.lose(this.id, this.run.tag);
        return undefined;
      }
    }
    return this.#target.push(item);
  }

  async #feedAsync(open: OpenAsyncItems): Promise<void> {
    const pace = new Pace();
    let state: 'waiting' | 'open' | 'ended' = open.pending === undefined ? 'open' : 'waiting';
    try {
      while (!this.#isLeft) {
        // What fails by itself is at its end.
        state = 'ended';
        const step = await this.#next(open);
        if (step?.done === true) break;
        state = step === undefined ? 'waiting' : 'open';
        if (step === undefined) break;
        if (this.#isStopped()) {
          this.#loseRead();
          break;
        }
        if (!this.accepts(step.value)) continue;
        const wait = this.#push(step.value);
        if (wait !== undefined) await wait;
        if (pace.isTurnDue()) await pace.turn();
      }
    } finally {
      const isLeft = state !== 'ended' && this.#mayPass();
      if (isLeft) this.leave(open);
      // A Node.js stream that nothing comes from would keep the program alive.
      else if (state === 'waiting') open.destroy?.();
      if (state !== 'ended' && !isLeft) await this.#close(open.iterator, state === 'waiting');
    }
  }

  /** The next step, or `undefined` as soon as the feed is stopped or left. */
  #next(open: OpenAsyncItems): Promise<IteratorResult<unknown> | undefined> {
    return new Promise((resolve, reject) => {
      let isAbandoned = false;
      this.#abandon = () => {
        isAbandoned = true;
        resolve(undefined);
      };
      open.pending ??= open.iterator.next();
      open.pending.then((step) => {
        // Else it is for the next run.
        if (this.#isLeft && !this.#hasStopped) return;
        open.pending = undefined;
        // It was on its way when the feed was stopped.
        if (isAbandoned && step.done !== true) this.#loseRead();
        resolve(step);
      }, reject);
    });
  }

  /** What was read last goes nowhere. */
  #loseRead(): void {
    if (this.run.isTagged) this.run.lose(this.id, this.tag());
  }

  /**
   * Closes what is read. An async generator that waits for something closes only once that has come, which may be never: one that listens
   * to the signal gets the time to do so, and nobody waits for any other.
   */
  async #close(iterator: AsyncIterator<unknown>, isWaiting: boolean): Promise<void> {
    const closing = this.#return(iterator);
    if (!isWaiting) {
      this.#isReading = true;
      await closing;
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_GRACE_MS)));
    await Promise.race([closing, grace]);
    clearTimeout(timer);
  }

  async #return(iterator: AsyncIterator<unknown>): Promise<void> {
    try {
      await iterator.return?.();
    } catch (error) {
      this.run.logger.warn(`closing an input failed: ${describeCause(error)}`);
    }
  }
}

/** Feeds the run's input. */
export class InputFeed extends Feed implements Mortal {
  override get id(): string {
    return INPUT;
  }
  readonly #items: Items<unknown>;

  constructor(items: Items<unknown>, target: Stage, run: RunState) {
    super(target, run);
    this.#items = items;
    if (items instanceof ItemQueue) run.addMortal(this);
  }

  /** Drops what waits in a queue that it reads. */
  die(): void {
    if (this.#items instanceof ItemQueue) this.#items.close(true);
  }

  /** Drops what of it has become stale. */
  interrupt(): void {
    if (this.#items instanceof ItemQueue) this.#items.interrupt(this.run);
  }

  protected override tag(): Tag {
    return (this.#items instanceof ItemQueue ? this.#items.tag : undefined) ?? newTag();
  }

  protected override items(): Items<unknown> {
    return this.#items;
  }

  protected override wrap(error: unknown): Error {
    if (error instanceof ValueTransferError) {
      return new ValueTransferError(
        `Item ${String(this.itemsOut - 1)} of the input: ${error.message}`,
        error.path,
      );
    }
    return error instanceof Error
      ? error
      : new RemoteMediaError('RM_INVALID_INPUT', `The input failed: ${describeCause(error)}.`, {
          cause: error,
        });
  }

  protected override accepts(item: unknown): boolean {
    if (item !== undefined) return true;
    throw new RemoteMediaError(
      'RM_INVALID_INPUT',
      `Item ${String(this.itemsOut)} of the input is undefined, which stands for no item. Use null for "no value", or leave it out.`,
    );
  }
}

/** Feeds what a source node gives. */
export class SourceFeed extends Feed {
  readonly id: string;
  readonly node: AnyNode;
  errors = 0;
  #context: NodeContext;

  constructor(id: string, node: AnyNode, context: NodeContext, target: Stage, run: RunState) {
    super(target, run);
    this.id = id;
    this.node = node;
    this.#context = context;
  }

  /** One that goes ends here, between two of its items. */
  pass(): void {
    if (this.run.isKept(this.id)) this.passOn();
    else this.stop();
  }

  override stop(): void {
    super.stop();
    if (this.run.isCancelled && this.#context instanceof ItemContext)
      this.#context.abort(this.run.cancelReason);
  }

  protected override inherit(): OpenItems | undefined {
    const legacy = this.run.inherit(this.id);
    if (!(legacy instanceof OpenSource)) return undefined;
    this.#context = legacy.context;
    if (this.#context instanceof ItemContext) this.#context.goOnIn(this.run);
    return legacy.items;
  }

  protected override leave(open: OpenItems): void {
    this.run.leave(this.id, new OpenSource(open, this.#context, this.run));
  }

  protected override async items(): Promise<Items<unknown>> {
    const items: unknown = await this.node.source?.(this.#context);
    if (isAsyncIterable(items) || isIterableObject(items)) return items;
    throw new TypeError(`source() must give an iterable or an async iterable, got ${describeType(items)}`);
  }

  protected override tag(): Tag {
    return newTag();
  }

  protected override wrap(error: unknown): Error {
    this.errors++;
    return new NodeError({ nodeId: this.id, phase: 'source', cause: error });
  }

  protected override accepts(item: unknown): boolean {
    return item !== undefined;
  }
}

/** A source that goes on in the next run. */
class OpenSource implements Legacy {
  readonly items: OpenItems;
  readonly context: NodeContext;
  readonly #run: RunState;
  constructor(items: OpenItems, context: NodeContext, run: RunState) {
    this.items = items;
    this.context = context;
    this.#run = run;
  }
  drop(): void {
    if (this.context instanceof ItemContext) this.context.abort(this.#run.interruption);
    if (this.items.isAsync) this.items.destroy?.();
    closeIterator(this.items.iterator, this.#run);
  }
}

import { NodeError, RemoteMediaError } from '../errors/index.js';
import {
  describeType,
  isAsyncIterable,
  isIterableObject,
  type AnyNode,
  type Items,
  type NodeContext,
} from '../node/index.js';
import { Pace } from './pace.js';
import type { Feeder, RunState } from './run-state.js';
import type { Stage, Upstream } from './stage.js';

/** Reads items from an iterable and pushes them into a stage, until it ends or is stopped. */
export abstract class Feed implements Feeder, Upstream {
  /** How many items it has let in. */
  itemsOut = 0;
  protected readonly run: RunState;
  readonly #target: Stage;
  #isStopped = false;
  #abandon: (() => void) | undefined;

  constructor(target: Stage, run: RunState) {
    this.#target = target;
    this.run = run;
    target.addUpstream(this);
    run.addFeeder(this);
  }

  /** Opens what is read. */
  protected abstract items(): Items<unknown> | PromiseLike<Items<unknown>>;
  /** Says what an error of the iterable means. */
  protected abstract wrap(error: unknown): Error;
  /** Whether an item is one at all; throws where it cannot be. */
  protected abstract accepts(item: unknown): boolean;

  stop(): void {
    this.#isStopped = true;
    this.#abandon?.();
  }

  downstreamStopped(): void {
    this.stop();
  }

  /** Feeds everything; resolves once the stage and all that is downstream of it have finished. Never rejects. */
  async feed(): Promise<void> {
    try {
      if (!this.#isStopped) {
        const items = await this.items();
        if (isAsyncIterable(items)) await this.#feedAsync(items[Symbol.asyncIterator]());
        else await this.#feedSync(items);
      }
    } catch (error) {
      this.run.fail(this.wrap(error));
    }
    this.run.removeFeeder(this);
    await this.#target.end();
  }

  async #feedSync(items: Iterable<unknown>): Promise<void> {
    const pace = new Pace();
    for (const item of items) {
      // A stop may have come while the iterable made this item.
      if (this.#isStopped) break;
      if (!this.accepts(item)) continue;
      this.itemsOut++;
      const wait = this.#target.push(item);
      if (wait !== undefined) await wait;
      if (pace.isTurnDue()) await pace.turn();
      if (this.#isStopped) break;
    }
  }

  async #feedAsync(iterator: AsyncIterator<unknown>): Promise<void> {
    const pace = new Pace();
    let isAtEnd = false;
    try {
      while (!this.#isStopped) {
        const step = await this.#next(iterator);
        if (step === undefined) break;
        if (step.done === true) {
          isAtEnd = true;
          break;
        }
        if (!this.accepts(step.value)) continue;
        this.itemsOut++;
        const wait = this.#target.push(step.value);
        if (wait !== undefined) await wait;
        if (pace.isTurnDue()) await pace.turn();
      }
    } catch (error) {
      isAtEnd = true;
      throw error;
    } finally {
      if (!isAtEnd) this.#close(iterator);
    }
  }

  /** The next step, or `undefined` as soon as the feed is stopped. */
  #next(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown> | undefined> {
    return new Promise((resolve, reject) => {
      this.#abandon = () => {
        resolve(undefined);
      };
      iterator.next().then(resolve, reject);
    });
  }

  /** An async generator that waits for something closes only once that has come, so nobody waits for the closing. */
  #close(iterator: AsyncIterator<unknown>): void {
    iterator.return?.().then(undefined, (error: unknown) => {
      this.run.logger.warn(`closing an input failed: ${String(error)}`);
    });
  }
}

/** Feeds the run's input. */
export class InputFeed extends Feed {
  readonly #items: Items<unknown>;

  constructor(items: Items<unknown>, target: Stage, run: RunState) {
    super(target, run);
    this.#items = items;
  }

  protected override items(): Items<unknown> {
    return this.#items;
  }

  protected override wrap(error: unknown): Error {
    return error instanceof Error
      ? error
      : new RemoteMediaError('RM_INVALID_INPUT', `The input threw ${String(error)}.`, { cause: error });
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
  readonly #context: NodeContext;

  constructor(id: string, node: AnyNode, context: NodeContext, target: Stage, run: RunState) {
    super(target, run);
    this.id = id;
    this.node = node;
    this.#context = context;
  }

  protected override async items(): Promise<Items<unknown>> {
    const items: unknown = await this.node.source?.(this.#context);
    if (isAsyncIterable(items) || isIterableObject(items)) return items;
    throw new TypeError(`source() must give an iterable or an async iterable, got ${describeType(items)}`);
  }

  protected override wrap(error: unknown): Error {
    this.errors++;
    return new NodeError({ nodeId: this.id, phase: 'source', cause: error });
  }

  protected override accepts(item: unknown): boolean {
    return item !== undefined;
  }
}

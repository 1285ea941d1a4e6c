import { describeCause, NodeError } from '../errors/index.js';
import {
  DEFAULT_QUEUE,
  describeType,
  isAsyncIterable,
  isIterableObject,
  isThenable,
  settingsOf,
  type AnyNode,
  type NodeContext,
} from '../node/index.js';
import { EdgeQueues, type EdgeQueue } from './edge-queues.js';
import { ItemContext } from './item-context.js';
import { ItemQueue } from './item-queue.js';
import { closeIterator } from './iterators.js';
import { Pace } from './pace.js';
import type { RunState } from './run-state.js';
import { Stage, type Upstream } from './stage.js';
import type { StageRequest } from './stage-request.js';
import { newTag } from './tag.js';
import { lookAt, type OnLongWait, type Wait, type WatchableStage } from './waits.js';

/** A streaming node: its whole input is one async iterable, and its whole output another. */
export class StreamStage extends Stage implements Upstream, WatchableStage {
  readonly id: string;
  readonly node: AnyNode;
  itemsOut = 0;
  errors = 0;
  readonly #context: NodeContext;
  /** The same, where items have tags. */
  readonly #itemContext: ItemContext | null;
  readonly #downstream: Stage;
  readonly #run: RunState;
  /** A node that leaves it early still has its last outputs to give, but nothing new is made for it. */
  readonly #input: ItemQueue;
  /** What waits there, where edges have queues of their own. */
  readonly edges: EdgeQueues | undefined;
  #pumping: Promise<void> | undefined;
  #isDead = false;
  #isDone = false;
  /** Whether an output waits until it is taken. */
  #isGiving = false;
  /** What was seen at the last look: how much it had taken and given, and since when it is at that. */
  #seen: { readonly progress: number; readonly wait: Wait } | undefined;

  constructor({ id, node, context, downstream, run, queue }: StageRequest) {
    super();
    this.id = id;
    this.node = node;
    this.#context = context;
    this.#itemContext = context instanceof ItemContext ? context : null;
    this.#downstream = downstream;
    this.#run = run;
    this.edges = queue instanceof EdgeQueues ? queue : undefined;
    const leave = (): void => {
      if (!this.#isInterrupted) this.#leaveInput();
    };
    this.#input = new ItemQueue(
      queue ?? settingsOf(node, id).inputQueue ?? DEFAULT_QUEUE,
      leave,
      run.lossesAt(id),
    );
    downstream.addUpstream(this);
    run.addMortal(this);
  }

  get itemsIn(): number {
    return this.#input.taken;
  }

  get dropped(): number {
    return this.#input.dropped;
  }

  get maxQueueDepth(): number {
    return this.#input.maxDepth;
  }

  /** Whether the node is still reading or writing: what a cancel waits for. */
  get isBusy(): boolean {
    return this.#pumping !== undefined && !this.#isDone;
  }

  /** Reports a node that has neither asked for an item nor given one for too long. */
  look(now: number, limitMs: number, report: OnLongWait): void {
    const progress = this.#input.taken + this.itemsOut;
    if (!this.isBusy || this.#isGiving || this.#input.isAwaited) this.#seen = undefined;
    else if (this.#seen?.progress === progress) lookAt(this.#seen.wait, now, limitMs, report);
    else this.#seen = { progress, wait: { itemIndex: this.#input.taken - 1, seenAt: now } };
  }

  push(item: unknown, queue?: EdgeQueue): Promise<void> | undefined {
    if (this.#isDead) {
      this.#run.lose(this.id, this.#run.tag);
      return undefined;
    }
    this.#pumping ??= this.#pump();
    return this.#input.push(item, this.#run.tag, queue);
  }

  /** Takes an item of an edge that has a queue of its own. */
  pushBy(queue: EdgeQueue, item: unknown): Promise<void> | undefined {
    return this.push(item, queue);
  }

  #leaveInput(): void {
    this.#input.close(true);
    this.stopUpstreams(false);
  }

  /** The item that the node has read last was interrupted. */
  get #isInterrupted(): boolean {
    return this.#itemContext?.isStale === true;
  }

  /** Never rejects. A node that an interruption has ended is opened again. */
  async #pump(): Promise<void> {
    do {
      try {
        await this.#passOn(await this.#open());
        if (this.#isInterrupted) this.#run.lose(this.id, this.#itemContext?.tag);
      } catch (error) {
        this.#run.lose(
          this.id,
          this.#itemContext?.tag,
          this.#isInterrupted || this.#isDead ? undefined : 'failed',
        );
        if (this.#isInterrupted)
          this.#run.logger.debug(`node "${this.id}" was interrupted: ${describeCause(error)}`);
        else this.#fail(error);
      }
    } while (this.#isInterrupted && !this.#isDead && !this.#input.isOver);
    this.#isDone = true;
    if (!this.#isDead) {
      this.die();
      this.stopUpstreams(false);
    }
  }

  async #open(): Promise<Iterator<unknown> | AsyncIterator<unknown>> {
    const context = this.#itemContext;
    if (context !== null) {
      context.tag = undefined;
      this.#input.onTake = (tag) => {
        context.tag = tag;
      };
    }
    const answer: unknown = this.node.stream?.(this.#input, this.#context);
    const output = isThenable(answer) ? await answer : answer;
    if (isAsyncIterable(output)) return output[Symbol.asyncIterator]();
    if (isIterableObject(output)) return output[Symbol.iterator]();
    throw new TypeError(`stream() must give an async iterable, got ${describeType(output)}`);
  }

  async #passOn(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
    const pace = new Pace();
    for (;;) {
      const step = await iterator.next();
      if (step.done === true) return;
      const isUnwanted = this.#isDead || this.#isInterrupted;
      if (isUnwanted && step.value !== undefined) this.#run.lose(this.id, this.#itemContext?.tag);
      if (this.#isDead) {
        await iterator.return?.();
        return;
      }
      if (step.value === undefined || isUnwanted) {
        if (pace.isTurnDue()) await pace.turn();
        continue;
      }
      if (this.#itemContext !== null) this.#run.tag = this.#itemContext.tag ?? newTag();
      this.itemsOut++;
      const wait = this.#emitFrom(iterator, step.value);
      if (wait !== undefined) {
        this.#isGiving = true;
        await wait;
        this.#isGiving = false;
      }
      if (pace.isTurnDue()) await pace.turn();
    }
  }

  /** An output that cannot be passed on ends the stream that gave it. */
  #emitFrom(iterator: Iterator<unknown> | AsyncIterator<unknown>, value: unknown): Promise<void> | undefined {
    try {
      return this.#downstream.push(value);
    } catch (error) {
      closeIterator(iterator, this.#run);
      throw error;
    }
  }

  #fail(error: unknown): void {
    if (this.#isDead) {
      this.#run.logger.debug(`node "${this.id}" failed after it had been stopped: ${describeCause(error)}`);
      return;
    }
    this.errors++;
    this.die();
    this.#run.fail(new NodeError({ nodeId: this.id, phase: 'stream', cause: error }));
    this.stopUpstreams(true);
  }

  /** Takes no more items; the node sees the end of its input. */
  die(): void {
    this.#isDead = true;
    this.#input.close(true);
    if (this.#run.isCancelled) this.#itemContext?.abort(this.#run.cancelReason);
  }

  /** Drops what has become stale. */
  interrupt(): void {
    this.#input.interrupt(this.#run);
    if (this.#isInterrupted) this.#itemContext?.abort(this.#run.interruption);
  }

  downstreamStopped(_stage: Stage, isFailure: boolean): void {
    if (this.#isDead) return;
    this.die();
    this.stopUpstreams(isFailure);
  }

  protected async finish(): Promise<void> {
    if (!this.#isDead) {
      this.#pumping ??= this.#pump();
      this.#input.close(false);
    }
    await this.#pumping;
    await this.#downstream.end();
  }
}

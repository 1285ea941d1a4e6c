import { describeCause, NodeError, type NodePhase } from '../errors/index.js';
import {
  DEFAULT_QUEUE,
  gateOf,
  isManyOutputs,
  isThenable,
  settingsOf,
  type AnyNode,
  type CheckedQueue,
  type Gate,
  type NodeContext,
} from '../node/index.js';
import { Backlog } from './backlog.js';
import { EdgeQueues, type EdgeQueue } from './edge-queues.js';
import { Caller, NO_OUTPUT, type Callee, type Outcome, type OutputIterator } from './caller.js';
import { followed, type Process } from './followed.js';
import { guarded } from './guarded.js';
import { ItemContext } from './item-context.js';
import { ManyOutputs, type Giver } from './many-outputs.js';
import { Pace } from './pace.js';
import { Room } from './room.js';
import type { RunState } from './run-state.js';
import { Stage, type Upstream } from './stage.js';
import type { StageRequest } from './stage-request.js';
import { newTag, type Tag } from './tag.js';
import { Timing } from './timing.js';
import type { OnLongWait, WatchableStage } from './waits.js';

type Mode = 'direct' | 'queued' | 'dead';

/** A call of `process` whose outputs are still to come, in the order of the items. */
interface Call {
  readonly index: number;
  /** Settles with what `process` returned, or when the call is interrupted; never rejects. */
  readonly outcome: Promise<Outcome> | Outcome;
  /** Where items have tags. */
  readonly context: ItemContext | null;
}

/**
 * A node that is called for each item. As long as `process` answers at once, `push` runs through all such nodes in a row as one loop
 * (`direct`). An answer that has to be waited for gives the stage a queue and a pump of its own (`queued`), so that the nodes before it
 * go on with the next items meanwhile; once nothing is under way any more, it is direct again.
 */
export class NodeStage extends Stage implements Upstream, Callee, Giver, WatchableStage {
  readonly id: string;
  readonly node: AnyNode;
  itemsIn = 0;
  itemsOut = 0;
  errors = 0;
  readonly process: Process;
  readonly gate: Gate;
  readonly concurrency: number;
  readonly #isUnordered: boolean;
  readonly #run: RunState;
  /** How long its calls took, where that is measured. */
  readonly timing: Timing | null;
  context: NodeContext;
  /** The same, where items have tags: a call that is not over when `process` has returned takes it along. */
  #itemContext: ItemContext | null = null;
  #mode: Mode;
  #downstream: Stage;
  /** The downstream, where it is a node of the same kind. */
  #next: NodeStage | null = null;
  readonly #limits: CheckedQueue;
  /** There once an item has had to wait: most nodes of an idle session never need it. */
  #backlog: Backlog | EdgeQueues | undefined;
  /** The same, where edges have queues of their own. */
  readonly edges: EdgeQueues | undefined;
  /** Whether it has a queue also where `process` answers at once: what waits behind it may be dropped here. */
  readonly #isAlwaysQueued: boolean;
  /** Those whose outputs are not passed on yet. */
  readonly #calls: Call[] = [];
  /** Freed where one of several calls without an order was passed on. */
  #passedOn: Room | undefined;
  /** There once a call was not over when `process` had returned. */
  #madeCaller: Caller | undefined;
  /** There once a call has given many outputs. */
  #madeMany: ManyOutputs | undefined;
  #pumping: Promise<void> | undefined;
  #isFlushing = false;
  #pace: Pace | undefined;
  /** There once somebody has had to wait for room. */
  #room: Room | undefined;

  /**
   * Nothing is pushed into it yet.
   *
   * @param request - what it is made of
   * @param afterProcess - gets each item once `process` has returned or settled
   */
  constructor(request: StageRequest, afterProcess?: (item: unknown) => void) {
    super();
    const { id, node, context, downstream, run, queue } = request;
    this.id = id;
    this.node = node;
    this.context = context;
    if (context instanceof ItemContext) this.#itemContext = context;
    this.#run = run;
    const { concurrency, unordered, failurePolicy, inputQueue } = settingsOf(node, id);
    this.#backlog = this.edges = queue instanceof EdgeQueues ? queue : undefined;
    this.#limits = (queue instanceof EdgeQueues ? undefined : queue) ?? inputQueue ?? DEFAULT_QUEUE;
    this.#isAlwaysQueued = inputQueue !== undefined || this.edges !== undefined;
    this.#mode = this.#isAlwaysQueued ? 'queued' : 'direct';
    let process = node.process as Process;
    if (failurePolicy !== undefined)
      process = guarded(process, failurePolicy, id, run, this.#skip.bind(this));
    this.process = afterProcess === undefined ? process : followed(process, afterProcess);
    this.gate = gateOf(node);
    this.concurrency = concurrency;
    this.#isUnordered = unordered && concurrency > 1;
    this.#downstream = downstream;
    if (downstream instanceof NodeStage) this.#next = downstream;
    this.timing = run.isMetered ? new Timing() : null;
    downstream.addUpstream(this);
    run.addMortal(this);
  }

  /** Reports what of the node has been waited for too long. */
  look(now: number, limitMs: number, report: OnLongWait): void {
    this.#madeCaller?.waits?.look(now, limitMs, report);
  }

  get maxQueueDepth(): number {
    return this.#backlog?.maxDepth ?? 0;
  }

  /** Items that were dropped because of the limits of its queue. */
  get dropped(): number {
    return this.#backlog?.dropped ?? 0;
  }

  /** Whether `process` or `flush` is running or a generator of them is open: what a cancel waits for. */
  get isBusy(): boolean {
    return this.#pumping !== undefined || this.#isFlushing;
  }

  push(item: unknown): Promise<void> | undefined {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the loop walks from stage to stage.
    let stage: NodeStage = this;
    let value = item;
    try {
      for (;;) {
        const holder = stage.gate.holder;
        if (stage.#mode !== 'direct' || (holder !== null && holder !== stage.#run))
          return stage.#enqueue(value);
        const index = stage.itemsIn++;
        if (stage.#itemContext !== null) stage.#itemContext.tag = stage.#run.tag;
        if (stage.entered !== null) stage.entered[0] = stage.place;
        const result: unknown =
          stage.timing !== null && Timing.isMeasured(index)
            ? stage.caller.timedProcess(value, stage.timing, stage.context)
            : stage.process.call(stage.node, value, stage.context);
        if (result === undefined) return undefined;
        if (typeof result === 'object' && result !== null) {
          if (isThenable(result)) return stage.#defer(index, result);
          if (isManyOutputs(result)) return stage.#expand(index, result);
        }
        stage.itemsOut++;
        if (stage.#next === null) return stage.#downstream.push(result);
        stage = stage.#next;
        value = result;
      }
    } catch (error) {
      stage.#fail(error, 'process', stage.itemsIn - 1, stage.#itemContext?.tag);
      return undefined;
    }
  }

  /** `process` gave a promise: until nothing is under way any more this stage has a queue. */
  #defer(index: number, result: PromiseLike<unknown>): Promise<void> | undefined {
    const context = this.#takeContext();
    this.caller.begin(context);
    this.#add({ index, outcome: this.caller.outcomeOf(result, context, index), context });
    return this.#startPump();
  }

  /** The context goes with a call that is not over yet. */
  #takeContext(): ItemContext | null {
    const context = this.#itemContext;
    if (context !== null) this.context = this.#itemContext = new ItemContext(this.id, this.#run);
    return context;
  }

  /** `process` gave many outputs: those that are there at once and find room are passed on at once. */
  #expand(index: number, outputs: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> | undefined {
    const iterator = outputs as unknown as OutputIterator;
    const context = this.#takeContext();
    let after: Promise<void> | undefined;
    if (!(Symbol.asyncIterator in outputs)) {
      after = this.#many.passOnNow(iterator as Iterator<unknown>, context);
      if (after === undefined) return undefined;
    }
    this.caller.begin(context);
    this.#add({ index, outcome: { kind: 'many', iterator, after }, context });
    return this.#startPump();
  }

  /** Passes on an output; a promise where there is no room for another one yet. */
  emit(value: unknown, context: ItemContext | null): Promise<void> | undefined {
    if (value === undefined) return undefined;
    if (context !== null) {
      if (context.isStale) return undefined;
      this.#run.tag = context.tag;
    }
    this.itemsOut++;
    return this.#downstream.push(value);
  }

  #enqueue(value: unknown): Promise<void> | undefined {
    if (this.#mode === 'dead') {
      this.#run.lose(this.id, this.#run.tag);
      return undefined;
    }
    (this.#backlog ??= new Backlog(this.#limits, this.#run.lossesAt(this.id))).push(value, this.#run.tag);
    if (this.#pumping !== undefined) this.#fill();
    return this.#startPump();
  }

  /** Takes an item of an edge that has a queue of its own. */
  pushBy(queue: EdgeQueue, value: unknown): Promise<void> | undefined {
    if (this.isDead) {
      this.#run.lose(this.id, this.#run.tag);
      return undefined;
    }
    this.edges?.push(value, this.#run.tag, queue);
    if (this.#pumping !== undefined) this.#fill();
    this.#pumping ??= this.#pump();
    // Of what has died meanwhile all queues are empty.
    return queue.roomToWaitFor();
  }

  #startPump(): Promise<void> | undefined {
    if (this.#mode === 'direct') this.#mode = 'queued';
    this.#pumping ??= this.#pump();
    return this.#isFull && !this.isDead ? (this.#room ??= new Room()).wait() : undefined;
  }

  /** Starts calls, and passes on what they give in the order of the items. Never rejects. */
  async #pump(): Promise<void> {
    const pace = (this.#pace ??= new Pace());
    for (;;) {
      this.#fill();
      const call = this.#calls[0];
      if (call === undefined) {
        if (this.caller.active === 0) break;
        // What was interrupted has not returned yet.
        await this.caller.over.wait();
        continue;
      }
      if (this.#isUnordered) {
        await (this.#passedOn ??= new Room()).wait();
        continue;
      }
      await this.#complete(call);
      if (pace.isTurnDue() && !this.isDead) await pace.turn();
    }
    this.#pumping = undefined;
    if (this.#mode === 'queued' && !this.#isAlwaysQueued) this.#mode = 'direct';
  }

  #add(call: Call): void {
    this.#calls.push(call);
    if (this.#isUnordered) void this.#complete(call);
  }

  /** Passes on what a call gives, once it is there. Never rejects. */
  async #complete(call: Call): Promise<void> {
    const outcome = call.outcome instanceof Promise ? await call.outcome : call.outcome;
    try {
      await this.#passOn(outcome, call.context);
    } catch (error) {
      this.#fail(error, 'process', call.index, call.context?.tag);
    }
    this.#calls.splice(this.#calls.indexOf(call), 1);
    this.#passedOn?.free();
  }

  async #passOn(outcome: Outcome, context: ItemContext | null): Promise<void> {
    if (outcome.kind === 'many') {
      await this.#many.passOn(outcome.iterator, outcome.after, context);
    } else if (outcome.kind === 'error') {
      if (context?.isStale !== true) throw outcome.error;
      this.#run.lose(this.id, context.tag);
      this.caller.forget(outcome.error);
    } else if (context?.isStale === true || this.#mode === 'dead') {
      if (outcome === NO_OUTPUT || outcome.value !== undefined) this.#run.lose(this.id, context?.tag);
    } else {
      const wait = this.emit(outcome.value, context);
      if (wait !== undefined) await wait;
    }
  }

  /** Another call may begin. */
  onSettled(): void {
    this.#fill();
  }

  /** Starts as many calls as may be in progress, and not so many that finished ones pile up behind a slow one. */
  #fill(): void {
    const caller = this.caller;
    while (caller.active < this.concurrency && this.#calls.length < 2 * this.concurrency) {
      const waiting = this.#backlog?.shift();
      if (!this.#isFull) this.#room?.free();
      if (waiting === undefined) return;
      const { value, tag } = waiting;
      const context = caller.contextFor(tag);
      const index = this.itemsIn++;
      this.#add({ index, outcome: caller.start(value, index, context, this), context });
    }
  }

  /** The failure policy has given an item up. */
  #skip(error: unknown, item: unknown, itemIndex: number, tag: Tag | undefined): void {
    this.errors++;
    const failure = new NodeError({ nodeId: this.id, phase: 'process', itemIndex, cause: error });
    this.#run.giveUpItem({ nodeId: this.id, itemIndex, item, error: failure }, tag?.stamp);
  }

  #fail(error: unknown, phase: NodePhase, itemIndex?: number, tag?: Tag): void {
    if (this.isDead) {
      this.#run.lose(this.id, tag);
      this.#run.logger.debug(`node "${this.id}" failed after it had been stopped: ${describeCause(error)}`);
      return;
    }
    this.errors++;
    this.#run.lose(this.id, tag, 'failed');
    this.die();
    this.#run.fail(new NodeError({ nodeId: this.id, phase, itemIndex, cause: error }));
    this.stopUpstreams(true);
  }

  /** The calls that are not over when `process` has returned. */
  get caller(): Caller {
    return (this.#madeCaller ??= new Caller(this, this.#run));
  }

  get #many(): ManyOutputs {
    return (this.#madeMany ??= new ManyOutputs(this, this.#run));
  }

  get #isFull(): boolean {
    return this.#backlog?.isFull === true;
  }

  /** Whether nothing more is wanted of it. */
  get isDead(): boolean {
    return this.#mode === 'dead';
  }

  /** Takes no more items, and drops those that wait. */
  die(): void {
    this.#mode = 'dead';
    this.#backlog?.clear();
    this.gate.giveUp(this);
    this.#room?.free();
    if (!this.#run.isCancelled) return;
    this.#madeCaller?.abort();
    this.#itemContext?.abort(this.#run.cancelReason);
  }

  /** Drops what has become stale. */
  interrupt(): void {
    this.#backlog?.interrupt(this.#run);
    if (!this.#isFull) this.#room?.free();
    this.#madeCaller?.interrupt();
  }

  downstreamStopped(_stage: Stage, isFailure: boolean): void {
    if (this.isDead) return;
    this.die();
    this.stopUpstreams(isFailure);
  }

  protected async finish(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
    if (!this.isDead && this.#run.mayFlush(this.id)) await this.#flush();
    await this.#downstream.end();
  }

  async #flush(): Promise<void> {
    if (this.node.flush === undefined) return;
    const entered = this.gate.enter(this.#run, this);
    if (entered !== undefined && !(await entered)) return;
    this.#isFlushing = true;
    this.noteEntered();
    const context = this.caller.contextFor(newTag());
    try {
      try {
        const answer: unknown = this.node.flush(context ?? this.context);
        const result = isThenable(answer) ? await this.caller.unlessInterrupted(answer, null) : answer;
        if (typeof result === 'object' && result !== null && isManyOutputs(result))
          await this.#many.drain(result, context);
        else await this.emit(result, context);
      } finally {
        this.#isFlushing = false;
        this.gate.leave();
      }
    } catch (error) {
      this.#fail(error, 'flush');
    }
  }
}

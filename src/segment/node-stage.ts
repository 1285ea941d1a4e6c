import { describeCause, NodeError, type NodePhase } from '../errors/index.js';
import {
  concurrencyOf,
  gateOf,
  isManyOutputs,
  isThenable,
  type AnyNode,
  type Gate,
  type NodeContext,
} from '../node/index.js';
import { followed, type Process } from './followed.js';
import { closeIterator } from './iterators.js';
import { Pace } from './pace.js';
import { Room } from './room.js';
import type { RunState } from './run-state.js';
import { Stage, type Upstream } from './stage.js';
import { Timing } from './timing.js';

type OutputIterator = Iterator<unknown> | AsyncIterator<unknown>;
type Mode = 'direct' | 'queued' | 'dead';

/** A call of `process` whose outputs are still to come, in the order of the items. */
interface Call {
  readonly index: number;
  /** Settles with what `process` returned; never rejects. */
  readonly outcome: Promise<Outcome> | Outcome;
}

type Outcome =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'many'; readonly iterator: OutputIterator; readonly after: Promise<void> | undefined }
  | { readonly kind: 'error'; readonly error: unknown };

/** Items that wait in front of an async node before the nodes before it have to. */
const QUEUE_LIMIT = 16;

/**
 * A node that is called for each item. As long as `process` answers at once, `push` runs through all such nodes in a row as one loop
 * (`direct`). An answer that has to be waited for gives the stage a queue and a pump of its own (`queued`), so that the nodes before it
 * go on with the next items meanwhile; once nothing is under way any more, it is direct again.
 */
export class NodeStage extends Stage implements Upstream {
  readonly id: string;
  readonly node: AnyNode;
  itemsIn = 0;
  itemsOut = 0;
  errors = 0;
  maxQueueDepth = 0;
  readonly timing: Timing | null;
  readonly #run: RunState;
  readonly #process: Process;
  readonly #context: NodeContext;
  readonly #gate: Gate;
  readonly #concurrency: number;
  #mode: Mode = 'direct';
  #downstream: Stage;
  /** The downstream, where it is a node of the same kind. */
  #next: NodeStage | null = null;
  readonly #queue: unknown[] = [];
  readonly #calls: Call[] = [];
  #active = 0;
  #pumping: Promise<void> | undefined;
  #isFlushing = false;
  #pace: Pace | undefined;
  readonly #room: Room = new Room();

  constructor(
    id: string,
    node: AnyNode,
    context: NodeContext,
    downstream: Stage,
    run: RunState,
    afterProcess?: (item: unknown) => void,
  ) {
    super();
    this.id = id;
    this.node = node;
    this.#context = context;
    this.#run = run;
    const process = node.process as Process;
    this.#process = afterProcess === undefined ? process : followed(process, afterProcess);
    this.#gate = gateOf(node);
    this.#concurrency = concurrencyOf(node, id);
    this.#downstream = downstream;
    if (downstream instanceof NodeStage) this.#next = downstream;
    this.timing = run.isMetered ? new Timing() : null;
    downstream.addUpstream(this);
    run.addMortal(this);
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
        const holder = stage.#gate.holder;
        if (stage.#mode !== 'direct' || (holder !== null && holder !== stage.#run))
          return stage.#enqueue(value);
        const index = stage.itemsIn++;
        const result: unknown =
          stage.timing !== null && Timing.isMeasured(index)
            ? stage.#timedProcess(value, stage.timing)
            : stage.#process.call(stage.node, value, stage.#context);
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
      stage.#fail(error, 'process', stage.itemsIn - 1);
      return undefined;
    }
  }

  #timedProcess(value: unknown, timing: Timing): unknown {
    const start = performance.now();
    let result: unknown;
    try {
      result = this.#process.call(this.node, value, this.#context);
    } catch (error) {
      timing.add(performance.now() - start);
      throw error;
    }
    if (typeof result === 'object' && result !== null) return timing.addOutcome(start, result);
    timing.add(performance.now() - start);
    return result;
  }

  /** `process` gave a promise: until nothing is under way any more this stage has a queue. */
  #defer(index: number, result: PromiseLike<unknown>): Promise<void> | undefined {
    if (this.#concurrency === 1) void this.#gate.enter(this.#run);
    this.#active++;
    this.#calls.push({ index, outcome: this.#settle(result) });
    return this.#startPump();
  }

  /** `process` gave many outputs: those that are there at once and find room are passed on at once. */
  #expand(index: number, outputs: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> | undefined {
    const iterator = outputs as unknown as OutputIterator;
    let after: Promise<void> | undefined;
    if (!(Symbol.asyncIterator in outputs)) {
      const rest = this.#drainNow(iterator as Iterator<unknown>);
      if (rest === undefined) return undefined;
      after = rest;
    }
    if (this.#concurrency === 1) void this.#gate.enter(this.#run);
    this.#active++;
    this.#calls.push({ index, outcome: { kind: 'many', iterator, after } });
    return this.#startPump();
  }

  /** Gives what has to be waited for before the generator may go on, or `undefined` once it is at its end. */
  #drainNow(iterator: Iterator<unknown>): Promise<void> | undefined {
    const pace = (this.#pace ??= new Pace());
    for (;;) {
      const step = iterator.next();
      if (step.done === true) return undefined;
      const wait = this.#emitFrom(iterator, step.value);
      if (wait !== undefined) return wait;
      if (pace.isTurnDue()) return pace.turn();
      if (this.#mode === 'dead') return Promise.resolve();
    }
  }

  /** An output that cannot be passed on ends the generator that gave it. */
  #emitFrom(iterator: OutputIterator, value: unknown): Promise<void> | undefined {
    try {
      return this.#emit(value);
    } catch (error) {
      closeIterator(iterator, this.#run);
      throw error;
    }
  }

  #emit(value: unknown): Promise<void> | undefined {
    if (value === undefined) return undefined;
    this.itemsOut++;
    return this.#downstream.push(value);
  }

  #enqueue(value: unknown): Promise<void> | undefined {
    if (this.#mode === 'dead') return undefined;
    this.#queue.push(value);
    if (this.#queue.length > this.maxQueueDepth) this.maxQueueDepth = this.#queue.length;
    if (this.#pumping !== undefined) this.#fill();
    return this.#startPump();
  }

  #startPump(): Promise<void> | undefined {
    if (this.#mode === 'direct') this.#mode = 'queued';
    this.#pumping ??= this.#pump();
    if (this.#queue.length < QUEUE_LIMIT || this.#mode === 'dead') return undefined;
    return this.#room.wait();
  }

  /** Starts calls, and passes on what they give in the order of the items. Never rejects. */
  async #pump(): Promise<void> {
    const pace = (this.#pace ??= new Pace());
    for (;;) {
      this.#fill();
      const call = this.#calls[0];
      if (call === undefined) break;
      const outcome = call.outcome instanceof Promise ? await call.outcome : call.outcome;
      try {
        await this.#passOn(outcome);
      } catch (error) {
        this.#fail(error, 'process', call.index);
      }
      this.#calls.shift();
      if (pace.isTurnDue() && !this.isDead) await pace.turn();
    }
    this.#pumping = undefined;
    if (this.#mode === 'queued') this.#mode = 'direct';
  }

  async #passOn(outcome: Outcome): Promise<void> {
    if (outcome.kind === 'error') throw outcome.error;
    if (outcome.kind === 'many') {
      try {
        if (outcome.after !== undefined) await this.#waitInside(outcome.after);
        await this.#drain(outcome.iterator);
      } finally {
        this.#finishCall();
      }
      return;
    }
    if (this.#mode === 'dead') return;
    const wait = this.#emit(outcome.value);
    if (wait !== undefined) await wait;
  }

  async #drain(iterator: OutputIterator): Promise<void> {
    const pace = (this.#pace ??= new Pace());
    for (;;) {
      if (this.#mode === 'dead') {
        await iterator.return?.();
        return;
      }
      const answer = iterator.next();
      const step = isThenable(answer) ? await answer : answer;
      if (step.done === true) return;
      if (this.isDead) continue;
      const wait = this.#emitFrom(iterator, step.value);
      if (wait !== undefined) await this.#waitInside(wait);
      if (pace.isTurnDue()) await pace.turn();
    }
  }

  /** Waits in the middle of a generator, with which this run holds the instance. */
  #waitInside(room: Promise<void>): Promise<void> {
    return this.#gate.holder === this.#run ? this.#gate.waitInside(room) : room;
  }

  /** Starts as many calls as may be in progress, and not so many that finished ones pile up behind a slow one. */
  #fill(): void {
    while (
      this.#queue.length > 0 &&
      this.#active < this.#concurrency &&
      this.#calls.length < 2 * this.#concurrency
    ) {
      const value = this.#queue.shift();
      if (this.#queue.length < QUEUE_LIMIT) this.#room.free();
      this.#active++;
      const entered = this.#concurrency === 1 ? this.#gate.enter(this.#run, this) : undefined;
      const index = this.itemsIn++;
      const outcome =
        entered === undefined ? this.#call(value, index) : this.#callOnceIn(entered, value, index);
      this.#calls.push({ index, outcome });
    }
  }

  async #callOnceIn(entered: Promise<boolean>, value: unknown, index: number): Promise<Outcome> {
    if (await entered) return this.#call(value, index);
    this.#active--;
    return { kind: 'result', value: undefined };
  }

  #call(value: unknown, index: number): Promise<Outcome> | Outcome {
    if (this.#mode === 'dead') return this.#settled(undefined);
    try {
      const result =
        this.timing !== null && Timing.isMeasured(index)
          ? this.#timedProcess(value, this.timing)
          : this.#process.call(this.node, value, this.#context);
      return isThenable(result) ? this.#settle(result) : this.#settled(result);
    } catch (error) {
      this.#finishCall();
      return { kind: 'error', error };
    }
  }

  async #settle(result: PromiseLike<unknown>): Promise<Outcome> {
    try {
      return this.#settled(await result);
    } catch (error) {
      this.#finishCall();
      return { kind: 'error', error };
    } finally {
      this.#fill();
    }
  }

  #settled(value: unknown): Outcome {
    if (typeof value === 'object' && value !== null && isManyOutputs(value)) {
      return { kind: 'many', iterator: value, after: undefined };
    }
    this.#finishCall();
    return { kind: 'result', value };
  }

  #finishCall(): void {
    this.#active--;
    if (this.#concurrency === 1) this.#gate.leave();
  }

  #fail(error: unknown, phase: NodePhase, itemIndex?: number): void {
    if (this.isDead) {
      this.#run.logger.debug(`node "${this.id}" failed after it had been stopped: ${describeCause(error)}`);
      return;
    }
    this.errors++;
    this.die();
    this.#run.fail(new NodeError({ nodeId: this.id, phase, itemIndex, cause: error }));
    this.stopUpstreams(true);
  }

  private get isDead(): boolean {
    return this.#mode === 'dead';
  }

  /** Takes no more items, and drops those that wait. */
  die(): void {
    this.#mode = 'dead';
    this.#queue.length = 0;
    this.#gate.giveUp(this);
    this.#room.free();
  }

  downstreamStopped(_stage: Stage, isFailure: boolean): void {
    if (this.isDead) return;
    this.die();
    this.stopUpstreams(isFailure);
  }

  protected async finish(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
    if (!this.isDead && this.#run.canFlush) await this.#flush();
    await this.#downstream.end();
  }

  async #flush(): Promise<void> {
    if (this.node.flush === undefined) return;
    const entered = this.#gate.enter(this.#run, this);
    if (entered !== undefined && !(await entered)) return;
    this.#isFlushing = true;
    try {
      try {
        const answer: unknown = this.node.flush(this.#context);
        const result = isThenable(answer) ? await answer : answer;
        if (typeof result === 'object' && result !== null && isManyOutputs(result)) await this.#drain(result);
        else await this.#emit(result);
      } finally {
        this.#isFlushing = false;
        this.#gate.leave();
      }
    } catch (error) {
      this.#fail(error, 'flush');
    }
  }
}

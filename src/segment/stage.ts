import type { RunState } from './run-state.js';

/**
 * A place in a segment that takes items. `push` gives a promise only where the caller has to wait before it pushes the next item;
 * the item is taken either way.
 */
export abstract class Stage {
  /** What pushes into this stage and has not ended yet. */
  upstreams: readonly Upstream[] = [];
  /** Where the number of the place is written whose code was entered last, where that is watched. */
  entered: Int32Array | null = null;
  /** That number. */
  place = 0;
  #open = 0;

  abstract push(item: unknown): Promise<void> | undefined;

  /** Called once all upstreams have ended: finishes what is under way, then ends what is downstream. */
  protected abstract finish(): Promise<void>;

  /** Connects something that pushes into this stage. */
  addUpstream(upstream: Upstream): void {
    // A push, or a spread, would reserve room for many: most have one.
    this.upstreams = this.upstreams.concat(upstream);
    this.#open++;
  }

  /** The end of a pipeline is made before its run. */
  join(_run: RunState): void {
    // Most have nothing to learn of it.
  }

  /** Says to whoever watches that code of this place runs now. */
  noteEntered(): void {
    if (this.entered !== null) this.entered[0] = this.place;
  }

  /** One of the upstreams has no more items. */
  async end(): Promise<void> {
    this.#open--;
    if (this.#open === 0) await this.finish();
  }

  /** Tells everything that feeds this stage that it takes no more. */
  protected stopUpstreams(isFailure: boolean): void {
    for (const upstream of this.upstreams) upstream.downstreamStopped(this, isFailure);
  }
}

/** Something that pushes into a stage. */
export interface Upstream {
  /** The stage takes no more items: because it has enough, or because something failed. */
  downstreamStopped(stage: Stage, isFailure: boolean): void;
}

/** Waits for several pushes at once; a promise only where one of them is. */
function pushToAll(stages: readonly Stage[], item: unknown, run: RunState): Promise<void> | undefined {
  let waits: Promise<void>[] | undefined;
  const { tag } = run;
  for (const stage of stages) {
    // What is behind another branch may have given its outputs another one.
    run.tag = tag;
    const wait = stage.push(item);
    if (wait !== undefined) (waits ??= []).push(wait);
  }
  return waits === undefined ? undefined : Promise.all(waits).then(noValue);
}

function noValue(): void {
  // Narrows the array that Promise.all gives to nothing.
}

/** Gives every item to every branch: the very same object. */
export class FanOutStage extends Stage implements Upstream {
  readonly #branches: readonly Stage[];
  readonly #run: RunState;
  readonly #stopped = new Set<Stage>();

  constructor(branches: readonly Stage[], run: RunState) {
    super();
    this.#branches = branches;
    this.#run = run;
    for (const branch of branches) branch.addUpstream(this);
  }

  push(item: unknown): Promise<void> | undefined {
    return pushToAll(this.#branches, item, this.#run);
  }

  protected async finish(): Promise<void> {
    await Promise.all(this.#branches.map((branch) => branch.end()));
  }

  /** One branch that has enough does not stop the others; a failure stops everything before it. */
  downstreamStopped(stage: Stage, isFailure: boolean): void {
    this.#stopped.add(stage);
    if (isFailure || this.#stopped.size === this.#branches.length) this.stopUpstreams(isFailure);
  }
}

import { InvalidArgumentError } from '../errors/index.js';
import type { Manifest, ManifestConnection, ManifestNode } from '../manifest/index.js';
import {
  checkedQueue,
  describeType,
  nodeProblem,
  PerSession,
  writeQueue,
  type AnyNode,
  type Items,
  type NodeLike,
  type QueueLimits,
  type WhenFull,
} from '../node/index.js';
import { InProcessHost } from '../hosts/index.js';
import type { Plan } from '../plan/index.js';
import {
  definitionOf,
  nameOf,
  type PipelineDefinition,
  type PipelineEntry,
  type Place,
} from './definition.js';
import { anyInput, manyInputs, NO_INPUT } from './input.js';
import { openSession, type LiveSession, type OpenOptions } from './live/live-session.js';
import { resolvePipeline } from './resolve/resolve.js';
import { runToEnd, type PipelineResult, type RunOptions } from './run.js';
import { planOf } from './session/session.js';
import { PipelineStream } from './stream.js';

/** Options of a {@link Pipeline}. */
export interface PipelineOptions {
  /** @defaultValue `'pipeline'` */
  readonly name?: string | undefined;
  /** Folder against which relative node types such as `./nodes.js#Upper` are resolved. @defaultValue the working directory */
  readonly baseDir?: string | undefined;
}

/** How a node is added. */
export interface AddOptions {
  /** @defaultValue `{name}_{index}`, the name being the class name where the node has none */
  readonly id?: string | undefined;
}

/** How two nodes are connected. */
export interface ConnectOptions {
  /**
   * How many items that come by this connection wait for the node, and what becomes of more.
   * @defaultValue they wait with all else that comes to it, as its `inputQueue` says
   */
  readonly queue?: WhenFull | QueueLimits | undefined;
}

/** An edge between two nodes, given by their positions. */
interface Connected {
  readonly from: number;
  readonly to: number;
  readonly queue?: NonNullable<ManifestConnection['queue']>;
}

/**
 * Live nodes and how they are connected. A pipeline may run many times, also at once.
 *
 * @example
 * ```ts
 * const pipeline = new Pipeline<string>('shout').pipe(new Upper()).pipe(new Exclaim({ times: 3 }));
 * const result = await pipeline.run('hello');
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what the first node takes is not known before it is there.
export class Pipeline<In = any, Out = In> implements Iterable<AnyNode> {
  /** Name of the pipeline, used in logs and manifests. */
  name: string;
  readonly #entries: (ManifestNode | PerSession | Place)[] = [];
  readonly #edges: Connected[] = [];
  readonly #baseDir: string;
  #tail: number | undefined;
  #kept: PipelineDefinition | undefined;
  #names: readonly (string | undefined)[] = [];
  /** Types only: the output of the last node. */
  declare readonly '~out'?: Out;

  /**
   * @param nodes - the nodes of a chain, or the name of the pipeline
   * @throws InvalidArgumentError `RM_INVALID_NODE` (a `TypeError`) that names each wrong position
   */
  constructor(nodes?: readonly PipelineEntry[] | string, options: PipelineOptions = {}) {
    this.name = options.name ?? (typeof nodes === 'string' ? nodes : 'pipeline');
    this.#baseDir = options.baseDir ?? process.cwd();
    if (nodes === undefined || typeof nodes === 'string') return;
    const { entries } = definitionOf(nodes, this.#baseDir);
    for (const [index, entry] of entries.entries()) {
      const node = nodes[index];
      this.#pipe(node instanceof PerSession ? node : entry);
    }
  }

  /** A pipeline that begins with this node; its types are known from the start. */
  static from<In, Out>(
    node: NodeLike<In, Out> | PerSession<In, Out>,
    options: PipelineOptions = {},
  ): Pipeline<In, Out> {
    return new Pipeline<In, In>(undefined, options).pipe(node);
  }

  /** The pipeline of a validated manifest; its nodes are made anew for every run, the instances in it are used as they are. */
  static fromManifest(manifest: Manifest, options: PipelineOptions = {}): Pipeline {
    const pipeline = new Pipeline(undefined, { ...options, name: options.name ?? manifest.metadata.name });
    pipeline.#entries.push(...manifest.nodes);
    const ids = pipeline.definition().ids;
    for (const { from, to, ...stated } of manifest.connections)
      pipeline.#edges.push({ from: ids.indexOf(from), to: ids.indexOf(to), ...stated });
    return pipeline;
  }

  /**
   * Adds a node behind the one that was piped last; where none was, behind the one that was added last. A node that does not take what
   * that one gives is a compile error.
   */
  pipe<Next>(
    node: NodeLike<Out, Next> | PerSession<Out, Next>,
    options: AddOptions = {},
  ): Pipeline<In, Next> {
    this.#pipe(entryOf(node, options));
    return this as unknown as Pipeline<In, Next>;
  }

  /** Adds a node without connecting it; {@link Pipeline.connect} does. Nodes that nobody connects are a chain in the order of adding. */
  add(node: AnyNode | PerSession, options: AddOptions = {}): this {
    this.#entries.push(entryOf(node, options));
    return this;
  }

  /**
   * Connects two nodes, given as objects or ids; a node that is not there yet is added. What a node gives goes, as the same object, to
   * all that it is connected to; what comes from several is merged as it arrives.
   *
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the queue is wrong, with its place; `RM_INVALID_PIPELINE` for an unknown id
   */
  connect<Between>(
    from: NodeLike<never, Between> | string,
    to: NodeLike<Between> | string,
    { queue }: ConnectOptions = {},
  ): this {
    if (queue !== undefined) checkedQueue(queue, `connections[${String(this.#edges.length)}].queue`);
    const written = writeQueue(queue) ?? undefined;
    const source = this.#indexOf(from);
    const ends = { from: source, to: this.#indexOf(to) };
    this.#edges.push(written === undefined ? ends : { ...ends, queue: written });
    return this;
  }

  /** How many nodes there are. */
  get length(): number {
    return this.#entries.length;
  }

  /** The live nodes, in the order in which they were added; entries of a manifest that name a type are not among them. */
  *[Symbol.iterator](): Iterator<AnyNode> {
    for (const entry of this.#entries) if ('instance' in entry) yield entry.instance;
  }

  /**
   * Runs the pipeline to its end.
   *
   * @param input - an array, an iterator or an async iterable is many items, anything else is one; without it source nodes are drained,
   * and any other first node gets one empty text
   * @returns the outputs; the bare output where there is exactly one; without any `[]`, or `undefined` where no input was given
   * @throws NodeError `RM_NODE_FAILED` where a node fails; `options.signal.reason` where the run is cancelled
   */
  run(input: unknown, options: RunOptions & { readonly enableMetrics: true }): Promise<PipelineResult>;
  run(input?: Items<In> | In, options?: RunOptions): Promise<Out | Out[] | undefined>;
  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    return runToEnd(this.definition(), anyInput(input), options, 'unwrapped');
  }

  /**
   * Runs the pipeline and gives its outputs as they come. Leaving the loop early cancels the run and cleans up.
   *
   * @param input - any iterable or async iterable of items
   * @throws InvalidArgumentError `RM_INVALID_INPUT` (a `TypeError`) where it is a single value
   */
  stream(input?: Items<In>, options: RunOptions = {}): PipelineStream<Out> {
    return new PipelineStream<Out>(
      this.definition(),
      input === undefined ? NO_INPUT : manyInputs(input),
      options,
    );
  }

  /**
   * Opens the pipeline for input that comes bit by bit and may never end. Everything is ready when this resolves: nodes are initialized,
   * hosts are up. Several sessions may be open at once; they share the live nodes.
   *
   * @throws NodeError `RM_NODE_FAILED` where an `initialize` fails
   */
  open(options: OpenOptions = {}): Promise<LiveSession<In, Out>> {
    return openSession<In, Out>(this.definition(), options);
  }

  /** Which segment runs where, and why. Nodes that a manifest names are made for it, and released. */
  async plan(): Promise<Plan> {
    const driver = new InProcessHost();
    const resolved = await resolvePipeline(this.definition(), driver);
    try {
      return planOf(resolved, driver);
    } finally {
      await resolved.release();
    }
  }

  /** The nodes with their ids, and the connections. */
  definition(): PipelineDefinition {
    // Sessions by the thousand share one.
    if (this.#kept === undefined || !this.#isAsItWas(this.#kept)) this.#kept = this.#define();
    return this.#kept;
  }

  /** Whether nothing was added or renamed since; what is made for each session is never the same. */
  #isAsItWas({ name, entries, connections }: PipelineDefinition): boolean {
    if (name !== this.name || connections.length !== this.#edges.length) return false;
    if (entries.length !== this.#entries.length) return false;
    return this.#entries.every(
      (entry, index) => 'instance' in entry && this.#names[index] === nameOf(entry.instance),
    );
  }

  #define(): PipelineDefinition {
    this.#names = this.#entries.map((entry) => ('instance' in entry ? nameOf(entry.instance) : undefined));
    const definition = definitionOf(this.#entries, this.#baseDir, this.name);
    const connections = this.#edges.map(({ from, to, ...stated }): ManifestConnection => ({
      from: definition.ids[from] ?? '',
      to: definition.ids[to] ?? '',
      ...stated,
    }));
    return { ...definition, connections };
  }

  #pipe(entry: ManifestNode | PerSession | Place): void {
    const index = this.#entries.push(entry) - 1;
    // Nodes that nobody has connected so far are a chain.
    if (this.#tail === undefined && this.#edges.length === 0)
      for (let to = 1; to < index; to++) this.#edges.push({ from: to - 1, to });
    if (index > 0) this.#edges.push({ from: this.#tail ?? index - 1, to: index });
    this.#tail = index;
  }

  #indexOf(node: AnyNode | string): number {
    if (typeof node === 'string') {
      const index = this.definition().ids.indexOf(node);
      if (index >= 0) return index;
      throw new InvalidArgumentError(
        'RM_INVALID_PIPELINE',
        `Pipeline "${this.name}" has no node with the id "${node}".`,
      );
    }
    const places = this.#entries.flatMap((entry, index) =>
      'instance' in entry && entry.instance === node ? [index] : [],
    );
    if (places.length > 1) {
      throw new InvalidArgumentError(
        'RM_INVALID_PIPELINE',
        `The same ${describeType(node)} is at ${String(places.length)} places of pipeline "${this.name}". Name the place by its id.`,
      );
    }
    return places[0] ?? this.#entries.push({ instance: checked(node) }) - 1;
  }
}

function entryOf(node: AnyNode | PerSession, { id }: AddOptions): ManifestNode | PerSession | Place {
  if (node instanceof PerSession) return id === undefined ? node : { id, place: node };
  return id === undefined ? { instance: checked(node) } : { id, instance: checked(node) };
}

function checked(node: AnyNode): AnyNode {
  const problem = nodeProblem(node);
  if (problem === undefined) return node;
  throw new InvalidArgumentError('RM_INVALID_NODE', `A pipeline takes node instances, got ${problem}.`);
}

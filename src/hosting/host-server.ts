import { makeNode } from '../catalog/index.js';
import { RemoteMediaError } from '../errors/index.js';
import type { ObjectDescription, TypeScriptNodeSpec } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';
import { describeType, roleOf, type AnyNode } from '../node/index.js';
import { unknownMethod, type ControlConnection } from '../protocol/index.js';
import { HostedSegment, type SegmentDescription } from './hosted-segment.js';
import { Quiet } from './quiet.js';
import { traced } from './running-node.js';

/** How long segments may take to clean up once the engine has gone, in milliseconds. */
const END_MS = 1000;

/** What `create` takes: what a node is made from, or serialized instances; see `schema/wire.md`. */
type CreateParams = TypeScriptNodeSpec | { readonly serialized: Uint8Array; readonly count: number };

/** A node that was made here. */
interface HostedNode {
  readonly instance: AnyNode;
  /** The same, as segments call it. */
  readonly traced: AnyNode;
}

/** Serves the requests of an engine: makes nodes, and runs segments of them; see `schema/wire.md`. */
export class HostServer {
  readonly #nodes = new Map<number, HostedNode>();
  readonly #quiet = new Quiet();
  readonly #segments = new Map<string, HostedSegment>();
  readonly #address: string;
  readonly #emit: ControlConnection['emit'];
  readonly #logger: Logger;
  readonly #finishLines: () => void;
  #lastObject = 0;

  /**
   * @param address - where the engine listens
   * @param finishLines - tells what has been printed without a line feed
   */
  constructor(address: string, emit: ControlConnection['emit'], logger: Logger, finishLines: () => void) {
    this.#address = address;
    this.#emit = emit;
    this.#logger = logger;
    this.#finishLines = finishLines;
  }

  /** Answers a request. */
  handle(method: string, params: unknown): unknown {
    switch (method) {
      case 'create':
        return this.#create(params as CreateParams);
      case 'release':
        for (const object of (params as { objects: number[] }).objects) this.#nodes.delete(object);
        return null;
      case 'state':
        return this.#states(params as { objects: number[]; limitBytes: number });
      case 'settle':
        return this.#quiet.isReached();
      case 'open':
        return this.#open(params as SegmentDescription);
      case 'start':
        return this.#segment(params).start().then(nothing);
      case 'stop':
        this.#segment(params).stop();
        return {};
      case 'interrupt':
        this.#segment(params).interrupt((params as { before: number }).before);
        return {};
      case 'keep':
        this.#segment(params).keep((params as { nodes: string[] }).nodes);
        return {};
      case 'cancel':
        this.#segment(params).cancel();
        return {};
      case 'close':
        return this.#close(this.#segment(params));
      default:
        throw unknownMethod(method);
    }
  }

  async #create(params: CreateParams): Promise<object> {
    try {
      if ('serialized' in params) {
        const { makeInstances } = await import('./instances.js');
        const instances = await makeInstances(params.serialized, params.count);
        return { nodes: instances.map((node) => this.#add(node)) };
      }
      const { node_type, params: nodeParams, baseDir, path } = params;
      return this.#add(await makeNode({ node_type, params: nodeParams }, path, baseDir));
    } finally {
      this.#quiet.note();
    }
  }

  #add(instance: AnyNode): ObjectDescription & { readonly module: string } {
    const object = ++this.#lastObject;
    this.#nodes.set(object, { instance, traced: traced(instance) });
    const role = roleOf(instance);
    return {
      object,
      className: describeType(instance),
      module: '',
      ...(typeof instance.name === 'string' ? { name: instance.name } : {}),
      traits: {
        process: true,
        initialize: true,
        cleanup: instance.cleanup !== undefined,
        flush: instance.flush !== undefined,
        isStreaming: role === 'stream',
        isSource: role === 'source',
        isAsync: false,
      },
    };
  }

  async #states({ objects, limitBytes }: { objects: number[]; limitBytes: number }): Promise<object> {
    const { statesOf } = await import('./instances.js');
    return statesOf(
      objects.map((object) => this.#node(object).instance),
      limitBytes,
    );
  }

  async #open(description: SegmentDescription): Promise<object> {
    const segment = new HostedSegment(description, {
      logger: this.#logger,
      address: this.#address,
      nodeOf: (object) => this.#node(object).traced,
      emit: this.#emit,
    });
    this.#segments.set(segment.id, segment);
    try {
      await segment.open();
    } catch (error) {
      this.#segments.delete(segment.id);
      throw error;
    }
    return {};
  }

  async #close(segment: HostedSegment): Promise<object> {
    const closing = await segment.close();
    this.#segments.delete(segment.id);
    // Before the answer: the lines of a run come before its end.
    if (this.#segments.size === 0) this.#finishLines();
    return closing;
  }

  #node(object: number): HostedNode {
    const node = this.#nodes.get(object);
    if (node !== undefined) return node;
    throw new RemoteMediaError(
      'RM_CLOSED',
      `There is no object ${String(object)} in this host; it may have been released.`,
    );
  }

  #segment(params: unknown): HostedSegment {
    const { segment: id } = params as { readonly segment: string };
    const segment = this.#segments.get(id);
    if (segment !== undefined) return segment;
    throw new RemoteMediaError('RM_PROTOCOL', `There is no open segment "${id}".`);
  }

  /** Gives up all segments, and gives their nodes some time to clean up. */
  async end(): Promise<void> {
    const closings = [...this.#segments.values()].map(async (segment) => {
      segment.cancel();
      await segment.close();
    });
    const timeout = new Promise((resolve) => setTimeout(resolve, END_MS).unref());
    await Promise.race([Promise.allSettled(closings), timeout]);
  }
}

function nothing(): object {
  return {};
}

import { makeNode } from '../catalog/index.js';
import { RemoteMediaError } from '../errors/index.js';
import type { ObjectDescription, TypeScriptNodeSpec } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';
import { describeType, roleOf, type AnyNode } from '../node/index.js';
import { unknownMethod, type ControlConnection } from '../protocol/index.js';
import { HostedSegment, type SegmentDescription } from './hosted-segment.js';
import { traced } from './running-node.js';

/** How long segments may take to clean up once the engine has gone, in milliseconds. */
const END_MS = 1000;

/** Serves the requests of an engine: makes nodes, and runs segments of them; see `schema/wire.md`. */
export class HostServer {
  readonly #nodes = new Map<number, AnyNode>();
  readonly #segments = new Map<string, HostedSegment>();
  readonly #emit: ControlConnection['emit'];
  readonly #logger: Logger;
  #lastObject = 0;

  constructor(emit: ControlConnection['emit'], logger: Logger) {
    this.#emit = emit;
    this.#logger = logger;
  }

  /** Answers a request. */
  handle(method: string, params: unknown): unknown {
    switch (method) {
      case 'create':
        return this.#create(params as TypeScriptNodeSpec);
      case 'release':
        for (const object of (params as { objects: number[] }).objects) this.#nodes.delete(object);
        return null;
      case 'open':
        return this.#open(params as SegmentDescription);
      case 'start':
        return this.#segment(params).start().then(nothing);
      case 'stop':
        this.#segment(params).stop();
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

  async #create(spec: TypeScriptNodeSpec): Promise<ObjectDescription & { readonly module: string }> {
    const { node_type, params, baseDir, path } = spec;
    const node = await makeNode({ node_type, params }, path, baseDir);
    const object = ++this.#lastObject;
    this.#nodes.set(object, traced(node));
    const role = roleOf(node);
    return {
      object,
      className: describeType(node),
      module: '',
      ...(node.name === undefined ? {} : { name: node.name }),
      traits: {
        process: true,
        initialize: true,
        cleanup: node.cleanup !== undefined,
        flush: node.flush !== undefined,
        isStreaming: role === 'stream',
        isSource: role === 'source',
        isAsync: false,
      },
    };
  }

  async #open(description: SegmentDescription): Promise<object> {
    const segment = new HostedSegment(description, {
      logger: this.#logger,
      nodeOf: (object) => this.#node(object),
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
    return closing;
  }

  #node(object: number): AnyNode {
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

import { RemoteMediaError } from '../errors/index.js';
import {
  launchPythonHost,
  makeReplica,
  RemoteNode,
  startTypeScriptHost,
  type Host,
  type HostOutput,
  type Incarnation,
  type PythonHost,
  type PythonNode,
  type TypeScriptHost,
} from '../hosts/index.js';
import { applySettings, readSettings, roleOf, type AnyNode } from '../node/index.js';
import { restartable, type ResolvedNode } from '../runtime/index.js';
import type { HostSettings, KeptWorker } from './kept-worker.js';
import type {
  DriverNodeMessage,
  PickledNodeMessage,
  PipelineMessage,
  PipelineNodeMessage,
  PythonMessage,
  TypeNodeMessage,
} from './messages.js';

/** Executors that mean no place of its own, as either language spells it. */
const IN_WORKER = ['in-process', 'in_process'];
/** Executors of TypeScript nodes that mean a host of their own. */
const OWN_HOSTS: Readonly<Partial<Record<string, 'thread' | 'process'>>> = {
  worker: 'thread',
  process: 'process',
  multiprocess: 'process',
};

/** Why nodes run where they do, in the words of plans. */
export const WHY = {
  driver: 'Python objects of this program',
  pickled: 'a Python object that asks for a process of its own',
} as const;

/** Why TypeScript nodes run where they do. */
export function whyKind(kind: 'thread' | 'process' | undefined): string {
  return kind === undefined
    ? 'TypeScript nodes of a Python program'
    : `a TypeScript node that asks for a ${kind} of its own`;
}

/** A Python host, and the node that was made in it. */
interface PythonIncarnation extends Incarnation {
  readonly host: PythonHost;
  readonly node: PythonNode & AnyNode;
}

/** Where the nodes of one run come to live. */
export interface PlacementRequest {
  readonly pipeline: PipelineMessage;
  readonly python: PythonMessage | undefined;
  /** The driver, as the host of this run. */
  readonly driver: Host;
  readonly worker: KeptWorker;
  readonly settings: HostSettings;
}

/** The nodes of one run, and the hosts that were started for it. */
export class Placement {
  readonly #request: PlacementRequest;
  /** Hosts of this run alone, with the id of the node in each; they close also where they are still starting. */
  #own: (readonly [string, Promise<PythonHost | TypeScriptHost>])[] = [];
  readonly #withState: { id: string; host: PythonHost; node: PythonNode }[] = [];
  readonly #inWorker = new Map<string, Promise<RemoteNode>>();
  #worker: Promise<TypeScriptHost> | undefined;

  constructor(request: PlacementRequest) {
    this.#request = request;
  }

  /**
   * Makes all nodes at the same time.
   *
   * @throws what kept the first of them, in the order of the pipeline, from being made
   */
  async make(): Promise<ResolvedNode[]> {
    const making = this.#request.pipeline.nodes.map((node, index) => this.#make(node, index));
    await Promise.allSettled(making);
    return Promise.all(making);
  }

  async #make(message: PipelineNodeMessage, index: number): Promise<ResolvedNode> {
    if ('object' in message) return this.#driverNode(message);
    if ('pickled' in message) return this.#pickledNode(message);
    return this.#typeNode(message, `nodes[${String(index)}]`);
  }

  #driverNode(message: DriverNodeMessage): Promise<ResolvedNode> {
    const node = new RemoteNode(this.#request.driver, message);
    const place = resolved(message, node, message.className, this.#request.driver, WHY.driver);
    return restartable(place, undefined);
  }

  async #pickledNode(message: PickledNodeMessage): Promise<ResolvedNode> {
    const remake = (): Promise<PythonIncarnation> => this.#makePickled(message);
    const { host, node } = await remake();
    const isStateWanted = message.returnState === true;
    if (isStateWanted) this.#withState.push({ id: message.id, host, node });
    const place = isStateWanted ? takingState(host, node) : host;
    return restartable(resolved(message, node, message.className, place, WHY.pickled), remaking(remake));
  }

  async #makePickled({ id, pickled }: PickledNodeMessage): Promise<PythonIncarnation> {
    const host = await this.#added(id, this.#startPython(id));
    try {
      return { host, node: await host.createPickled(pickled) };
    } catch (error) {
      throw inItsProcess(error, id);
    }
  }

  /** A host of this run, from now on. */
  #added<H extends PythonHost | TypeScriptHost>(id: string, starting: Promise<H>): Promise<H> {
    this.#own.push([id, starting]);
    return starting;
  }

  #startPython(id: string): Promise<PythonHost> {
    const { python, settings } = this.#request;
    if (python === undefined)
      throw new RemoteMediaError('RM_PROTOCOL', 'A run with pickled nodes says how Python is started.');
    const { executable, args, entry, path, cwd, env } = python;
    return launchPythonHost(
      { name: id, logger: settings.logger, onOutput: this.#outputOf(id) },
      {
        interpreter: { path: executable, why: 'the Python of the program' },
        args,
        entry,
        path,
        cwd,
        env,
        isDebug: settings.isDebug,
      },
    );
  }

  async #typeNode(message: TypeNodeMessage, path: string): Promise<ResolvedNode> {
    const { id, node_type, params, executor } = message;
    const kind = kindOf(id, executor ?? undefined);
    const { baseDir } = this.#request.pipeline;
    const spec = { node_type, params: params ?? {}, baseDir, path };
    if (kind === undefined) {
      const worker = await this.#keptWorker();
      const creating = worker.create(spec);
      // From now on, as the run may end before the answer is there.
      this.#inWorker.set(id, creating);
      return restartable(resolved(message, await creating, node_type, worker, whyKind(kind)), undefined);
    }
    const remake = async (): Promise<Incarnation> => {
      const host = await this.#added(id, this.#startTypeScript(id, kind));
      return { host, node: await host.create(spec) };
    };
    const { host, node } = await remake();
    return restartable(resolved(message, node, node_type, host, whyKind(kind)), remaking(remake));
  }

  #keptWorker(): Promise<TypeScriptHost> {
    return (this.#worker ??= this.#request.worker.acquire());
  }

  #startTypeScript(id: string, kind: 'thread' | 'process'): Promise<TypeScriptHost> {
    const { settings } = this.#request;
    return startTypeScriptHost({ kind, name: id, ...settings, onOutput: this.#outputOf(id) });
  }

  /** What comes from a host of one node comes from that node, also where the host does not know. */
  #outputOf(id: string): (output: HostOutput) => void {
    return (output) => {
      this.#request.settings.onOutput({ ...output, nodeId: output.nodeId ?? id });
    };
  }

  /** The serialized states of the nodes whose state is to come home, by id. */
  async states(): Promise<Record<string, Uint8Array>> {
    const states = this.#withState.map(async ({ id, host, node }) => [id, await host.stateOf(node)] as const);
    return Object.fromEntries(await Promise.all(states));
  }

  /**
   * Closes the hosts of this run, and lets go of its nodes in the worker. May be called again.
   *
   * @param stuckId - the node that has not returned, if one has not: nobody waits for its host
   */
  async release(stuckId: string | undefined): Promise<void> {
    const worker = await this.#worker?.catch(() => undefined);
    this.#worker = undefined;
    const closing = this.#own.map(async ([id, starting]) => {
      const host = await starting.catch(() => undefined);
      await (id === stuckId ? host?.kill() : host?.close());
    });
    this.#own = [];
    if (worker !== undefined) {
      const inWorker = [...this.#inWorker.values()];
      const stuckInWorker = stuckId !== undefined && this.#inWorker.has(stuckId) ? stuckId : undefined;
      this.#inWorker.clear();
      // A worker that has died has let go of everything, and one that is stuck never answers.
      if (stuckInWorker === undefined) await releaseAll(worker, inWorker).catch(() => undefined);
      await this.#request.worker.release(worker, stuckInWorker);
    }
    await Promise.all(closing);
  }
}

/** Its dead letters go to the program, in Python. */
function remaking(remake: () => Promise<Incarnation>): Parameters<typeof restartable>[1] {
  return { remake, keepsSealed: true };
}

async function releaseAll(worker: TypeScriptHost, creating: readonly Promise<RemoteNode>[]): Promise<void> {
  const made = await Promise.allSettled(creating);
  await worker.release(made.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : [])));
}

/** What a TypeScript node with this executor has for itself, if it has.
 *
 * @throws RemoteMediaError `RM_EXECUTOR_UNAVAILABLE` where there is no such executor
 */
export function kindOf(id: string, executor: string | undefined): 'thread' | 'process' | undefined {
  if (executor === undefined || IN_WORKER.includes(executor)) return undefined;
  const kind = OWN_HOSTS[executor];
  if (kind !== undefined) return kind;
  throw new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${id}" asks for the executor "${executor}"; for nodes written in TypeScript there are "in-process", "worker" and "process".`,
    { nodeId: id },
  );
}

/** A host that takes, before an object is cleaned up, what that clears of the state that is to come home. */
function takingState(host: PythonHost, node: PythonNode): Host {
  return {
    name: host.name,
    language: host.language,
    canShareMemory: host.canShareMemory,
    watchDeath: (listener) => host.watchDeath(listener),
    listen: () => host.listen(),
    open: async (request) => {
      const segment = await host.open(request);
      const close = segment.close.bind(segment);
      segment.close = async () => {
        // Of a run that failed no state comes home.
        if (request.run.canFlush) await host.takeState(node);
        return close();
      };
      return segment;
    },
  };
}

function inItsProcess(error: unknown, nodeId: string): Error {
  if (!(error instanceof RemoteMediaError) || error.code === 'RM_HOST_DIED') return error as Error;
  return new RemoteMediaError(
    error.code,
    `Node "${nodeId}" could not be made in a process of its own: ${error.message}`,
    { cause: error, nodeId },
  );
}

function resolved(
  { id, replica, ...settings }: PipelineNodeMessage,
  node: AnyNode,
  type: string,
  placement: Host,
  why: string,
): ResolvedNode {
  applySettings(node, readSettings(settings));
  if (replica === true) makeReplica(node);
  const isSource = roleOf(node) === 'source';
  return { id, node, type, placement, host: placement.name, why, isSource };
}

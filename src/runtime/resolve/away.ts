import { InvalidArgumentError, RemoteMediaError } from '../../errors/index.js';
import {
  passOnOutput,
  payloadLimit,
  returnHost,
  takeHost,
  type HostOutput,
  type Incarnation,
  type RemoteNode,
  type Return,
  type TypeScriptHost,
} from '../../hosts/index.js';
import type { ManifestTypeNode } from '../../manifest/index.js';
import { applySettings, type AnyNode } from '../../node/index.js';
import type { PipelineDefinition } from '../definition.js';
import { serializeTravellers, type Departed, type DepartureOptions } from './departure.js';
import { isBundled, LEAVE_OUT } from '../../serialization/index.js';
import type { Berth } from './executors.js';
import { bringHome, type Absent, type Party } from './homecoming.js';
import type { Placed, ResolveOptions } from './resolve.js';

/** A host of this run, and what was made in it. */
interface Taken {
  readonly host: TypeScriptHost;
  readonly made: RemoteNode[];
}

/** A host of this run, and the live objects that were sent there. */
interface Station {
  readonly host: TypeScriptHost;
  readonly copies: ReadonlyMap<AnyNode, RemoteNode>;
  /** Where the host may be started again: makes the one live object there in another one. */
  readonly remake: Placed['remake'];
}

/** The nodes of one run that leave this program, and their hosts. */
export class Away {
  readonly #stations: ReadonlyMap<string, Promise<Station>>;
  /** Hosts that were taken for this run, with what was made in them; they are given back also where they are still starting. */
  readonly #taken = new Map<Promise<TypeScriptHost>, RemoteNode[]>();
  readonly #parties: Party[] = [];
  readonly #baseDir: string;
  readonly #returnState: boolean;

  /**
   * Serializes what leaves, then starts all hosts at once.
   *
   * @param definition - with the folder against which node types are resolved; the one node of a replica is serialized already
   * @throws what {@link serializeTravellers} throws, or RemoteMediaError `RM_EXECUTOR_UNAVAILABLE` where this package is part of a bundle; then nothing
   * has been started
   */
  static async prepare(
    berths: readonly Berth[],
    { baseDir, replica }: PipelineDefinition,
    options: ResolveOptions,
  ): Promise<Away> {
    const [berth] = berths;
    if (berth !== undefined && isBundled()) throw bundled(berth);
    for (const { isRestarted, travellers } of berths)
      for (const [node, id] of travellers)
        if (isRestarted && (node.returnState ?? options.returnState)) throw stateLost(id);
    const payloads =
      replica?.departed === undefined
        ? await serializeTravellers(berths, departureOf(options))
        : new Map(berths.map(({ key }) => [key, replica.departed as Departed]));
    return new Away(berths, payloads, baseDir, options.returnState);
  }

  private constructor(
    berths: readonly Berth[],
    payloads: ReadonlyMap<string, Departed>,
    baseDir: string,
    returnState: boolean,
  ) {
    this.#baseDir = baseDir;
    this.#returnState = returnState;
    this.#stations = new Map(
      berths.map((berth) => {
        const station = this.#open(berth, payloads.get(berth.key));
        // Whoever asks for a node there sees why.
        station.catch(() => undefined);
        return [berth.key, station];
      }),
    );
  }

  async #open(berth: Berth, payload: Departed | undefined): Promise<Station> {
    const { host, made } = await this.#take(berth);
    if (payload === undefined) return { host, copies: new Map(), remake: undefined };
    const makeIn = async (place: Taken): Promise<readonly RemoteNode[]> => {
      const nodes = await place.host
        .createSerialized(payload.bytes, berth.travellers.size)
        .catch((error: unknown) => {
          throw notMade(error, berth);
        });
      place.made.push(...nodes);
      return nodes;
    };
    const nodes = await makeIn({ host, made });
    const copies = new Map(
      [...berth.travellers.keys()].map((node, index) => [node, nodes[index] as RemoteNode]),
    );
    const absent: Absent[] = [];
    for (const [original, id] of berth.travellers) {
      const copy = copies.get(original) as RemoteNode;
      applySettings(copy, original);
      if (original.returnState ?? this.#returnState) absent.push({ id, original, copy });
    }
    if (absent.length > 0) this.#parties.push({ host, origins: payload.origins, absent });
    if (!berth.isRestarted) return { host, copies, remake: undefined };
    const remake = async (): Promise<Incarnation> => {
      const place = await this.#take(berth);
      const [node] = await makeIn(place);
      return { host: place.host, node: node as RemoteNode };
    };
    return { host, copies, remake };
  }

  /** A host that is given back with the others. */
  async #take(berth: Berth): Promise<Taken> {
    const taking = takeHost({ kind: berth.kind, name: berth.name, onOutput: outputOf(berth) });
    const made: RemoteNode[] = [];
    this.#taken.set(taking, made);
    return { host: await taking, made };
  }

  /** The copy of a live object. */
  async traveller({ key }: Berth, node: AnyNode): Promise<Placed> {
    const { host, copies, remake } = await this.#station(key);
    return { node: copies.get(node) as RemoteNode, placement: host, remake };
  }

  /** Makes the node that an entry names. */
  async make(berth: Berth, { node_type, params }: ManifestTypeNode, path: string): Promise<Placed> {
    const { host } = await this.#station(berth.key);
    const spec = { node_type, params, baseDir: this.#baseDir, path };
    const node = await host.create(spec);
    for (const [taking, made] of this.#taken) if ((await taking) === host) made.push(node);
    const remake = async (): Promise<Incarnation> => {
      const place = await this.#take(berth);
      const again = await place.host.create(spec);
      place.made.push(again);
      return { host: place.host, node: again };
    };
    return { node, placement: host, remake: berth.isRestarted ? remake : undefined };
  }

  #station(key: string): Promise<Station> {
    return this.#stations.get(key) as Promise<Station>;
  }

  /**
   * Gives the originals the state that their copies have; called once all of them have been cleaned up.
   *
   * @throws SerializationError that names node and path
   */
  async bringHome(): Promise<void> {
    await bringHome(this.#parties, payloadLimit());
  }

  /** Gives the hosts back. May be called again. */
  async release(how: Return): Promise<void> {
    const taken = [...this.#taken];
    this.#taken.clear();
    await Promise.all(
      taken.map(async ([taking, made]) => {
        const host = await taking.catch(() => undefined);
        if (host === undefined) return;
        // One that has died has let go of everything, and one that is stuck never answers.
        if (how === 'clean') await host.release(made).catch(() => undefined);
        await returnHost(host, how);
      }),
    );
  }
}

/** How live objects leave, as the options of a run have it. */
export function departureOf({ logger, returnState }: ResolveOptions): DepartureOptions {
  return { logger, limitBytes: payloadLimit(), returnsState: (node) => node.returnState ?? returnState };
}

function stateLost(nodeId: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `Node "${nodeId}" has a restart policy, and its state is to come home: that of a host that has died is lost. Leave out restart, or returnState.`,
    { nodeId },
  );
}

function bundled({ ids: [nodeId] }: Berth): RemoteMediaError {
  return new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${nodeId ?? ''}" cannot go to another host: remotemedia is a part of this program's bundle, and hosts start from the files of the package. To run it there, ${LEAVE_OUT}.`,
    { nodeId },
  );
}

/** What comes from a host of one node comes from that node, also where the host does not know. */
function outputOf({ ids }: Berth): (output: HostOutput) => void {
  const [id, ...others] = ids;
  const only = others.length === 0 ? id : undefined;
  return (output) => {
    passOnOutput({ ...output, nodeId: output.nodeId ?? only });
  };
}

function notMade(error: unknown, { ids, name }: Berth): Error {
  if (!(error instanceof RemoteMediaError) || error.code === 'RM_HOST_DIED') return error as Error;
  const [nodeId] = ids;
  return new RemoteMediaError(
    error.code,
    `Node "${ids.join('", "')}" could not be made in the host ${name}: ${error.message}`,
    { cause: error, nodeId },
  );
}

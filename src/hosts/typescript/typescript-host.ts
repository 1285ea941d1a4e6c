import { fileURLToPath } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { RemoteMediaError, type HostExit, type SerializationErrorDetails } from '../../errors/index.js';
import { listener } from '../../protocol/index.js';
import {
  HostProcess,
  OwnedHost,
  passOnOutput,
  RemoteNode,
  type ObjectDescription,
  type OwnedHostOptions,
} from '../remote/index.js';
import { HostThread } from './host-thread.js';
import { inheritedFlags } from './inherited-flags.js';

const ENTRY = new URL('../../hosting/entry.js', import.meta.url);

/** How a TypeScript host is started. */
export interface TypeScriptHostOptions extends OwnedHostOptions {
  /** What it runs in. */
  readonly kind: 'thread' | 'process';
  /** Limits of a thread, in MB. @defaultValue those of Node.js */
  readonly resourceLimits?: Readonly<ResourceLimits> | undefined;
}

/** What a node is made from there; see `schema/wire.md`. */
export interface TypeScriptNodeSpec {
  /** A registered type, or `./file.js#Class`. */
  readonly node_type: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Folder against which relative node types are resolved. */
  readonly baseDir: string;
  /** The entry's place in its manifest, for errors. */
  readonly path: string;
}

/** What a host says of the state of nodes. */
export type NodeStates =
  | {
      /** A list with the state of each. */
      readonly serialized: Uint8Array;
      /** For each, whether it is for `[Symbol.for('remotemedia.setState')]`; else it is an object with the fields of the instance. */
      readonly isHooked: readonly boolean[];
    }
  | { readonly refused: Pick<SerializationErrorDetails, 'path' | 'kind' | 'reason' | 'suggestion'> };

/** A thread or process that runs TypeScript nodes, which it makes itself. */
export class TypeScriptHost extends OwnedHost {
  readonly language = 'typescript';

  /** Starts a host. */
  static async start(options: TypeScriptHostOptions): Promise<TypeScriptHost> {
    const address = await listener.address();
    const host = new TypeScriptHost(options);
    await host.handshake(address, {});
    return host;
  }

  private constructor({ kind, resourceLimits, ...options }: TypeScriptHostOptions) {
    super(options, (name, onLine) => {
      if (kind === 'thread') return new HostThread(name, ENTRY, onLine, resourceLimits);
      const command = {
        path: process.execPath,
        args: [...inheritedFlags(process.execArgv), fileURLToPath(ENTRY)],
        cwd: process.cwd(),
        env: process.env,
      };
      return new HostProcess(name, command, onLine);
    });
  }

  protected override startError({ stderr }: HostExit, how: string): RemoteMediaError {
    const said = stderr.length === 0 ? '' : ` It said:\n${stderr.join('\n')}`;
    return new RemoteMediaError(
      'RM_HOST_START',
      `Host "${this.name}" ended with ${how} before it was ready.${said}`,
      { host: this.name },
    );
  }

  /**
   * Makes a node there.
   *
   * @throws ManifestError where there is no such type, or its class cannot be made from these params
   */
  async create(spec: TypeScriptNodeSpec): Promise<RemoteNode> {
    return new RemoteNode(this, (await this.request('create', spec)) as ObjectDescription);
  }

  /**
   * Makes nodes of serialized instances there.
   *
   * @param count - how many there are: one alone, or a list
   * @returns one for each, in their order
   * @throws RemoteMediaError `RM_INVALID_PAYLOAD` where it cannot be read there
   */
  async createSerialized(serialized: Uint8Array, count: number): Promise<RemoteNode[]> {
    const { nodes } = (await this.request('create', { serialized, count })) as { nodes: ObjectDescription[] };
    return nodes.map((description) => new RemoteNode(this, description));
  }

  /** The state of nodes that were made of one payload of serialized instances, or why it is refused. */
  async statesOf(nodes: readonly RemoteNode[], limitBytes: number): Promise<NodeStates> {
    const objects = nodes.map(({ objectId }) => objectId);
    return (await this.request('state', { objects, limitBytes })) as NodeStates;
  }

  /** Whether nothing of what ran there still does. */
  async settle(): Promise<boolean> {
    return (await this.request('settle', {})) === true;
  }

  /** It serves another run from now on. */
  serve({ name, onOutput = passOnOutput }: Pick<OwnedHostOptions, 'name' | 'onOutput'>): void {
    this.adopt(name, onOutput);
  }

  /** Lets go of nodes that were made there. */
  async release(nodes: readonly RemoteNode[]): Promise<void> {
    if (this.isDead || this.isClosing || nodes.length === 0) return;
    await this.request('release', { objects: nodes.map(({ objectId }) => objectId) });
  }
}

import { fileURLToPath } from 'node:url';
import { RemoteMediaError, type HostExit } from '../../errors/index.js';
import { listener } from '../../protocol/index.js';
import {
  HostProcess,
  OwnedHost,
  RemoteNode,
  type ObjectDescription,
  type OwnedHostOptions,
} from '../remote/index.js';
import { HostThread } from './host-thread.js';

const ENTRY = new URL('../../hosting/entry.js', import.meta.url);

/** How a TypeScript host is started. */
export interface TypeScriptHostOptions extends OwnedHostOptions {
  /** What it runs in. */
  readonly kind: 'thread' | 'process';
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

/** A thread or process that runs TypeScript nodes, which it makes itself. */
export class TypeScriptHost extends OwnedHost {
  readonly isTypeScript = true;

  /** Starts a host. */
  static async start(options: TypeScriptHostOptions): Promise<TypeScriptHost> {
    const address = await listener.address();
    const host = new TypeScriptHost(options);
    await host.handshake(address, {});
    return host;
  }

  private constructor({ kind, ...options }: TypeScriptHostOptions) {
    super(options, (name, onOutput) => {
      if (kind === 'thread') return new HostThread(name, ENTRY, onOutput);
      const command = {
        path: process.execPath,
        args: [fileURLToPath(ENTRY)],
        cwd: process.cwd(),
        env: process.env,
      };
      return new HostProcess(name, command, onOutput);
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

  /** Lets go of nodes that were made there. */
  async release(nodes: readonly RemoteNode[]): Promise<void> {
    if (this.isDead || this.isClosing || nodes.length === 0) return;
    await this.request('release', { objects: nodes.map(({ objectId }) => objectId) });
  }
}

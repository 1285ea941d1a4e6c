import type { Executor, NodeLike, NodeRole } from '../../node/index.js';
import type { Host } from '../host.js';

/** What an object in another host can do, as that host tells. */
export interface Traits {
  readonly process: boolean;
  readonly initialize: boolean;
  readonly cleanup: boolean;
  readonly flush: boolean;
  readonly isStreaming: boolean;
  readonly isSource: boolean;
  readonly isAsync: boolean;
}

/** What a host says of an object. */
export interface ObjectDescription {
  /** The number by which the host knows it. */
  readonly object: number;
  readonly className: string;
  readonly name?: string | null | undefined;
  readonly traits: Traits;
}

/** The role of an object in another host; `undefined` where it is no node. */
export function roleOfTraits({ process, isSource, isStreaming }: Traits): NodeRole | undefined {
  if (!process) return undefined;
  if (isSource) return 'source';
  return isStreaming ? 'stream' : 'process';
}

/** An object in another host at its place in a pipeline; the host itself calls its methods. */
export class RemoteNode implements NodeLike {
  readonly objectId: number;
  readonly className: string;
  readonly name: string;
  /** Changes nothing: a live object runs in the host that holds it. */
  executor: Executor | undefined;
  concurrency: number | undefined;
  readonly '~host': Host;
  readonly '~role': NodeRole | undefined;

  constructor(host: Host, { object, className, name, traits }: ObjectDescription) {
    this.objectId = object;
    this.className = className;
    this.name = typeof name === 'string' && name !== '' ? name : className;
    this['~host'] = host;
    this['~role'] = roleOfTraits(traits);
  }

  initialize(): never {
    throw new Error(`an object of ${this['~host'].name} is initialized there`);
  }
}

import type {
  AnyNode,
  FanInPolicy,
  OnError,
  WhenFull,
  WrittenFailurePolicy,
  WrittenFanIn,
  WrittenQueueLimits,
  WrittenRestart,
} from '../node/index.js';

/** How a node runs: what every node entry may say. */
export interface ManifestSettings {
  /** Where the node runs. */
  readonly executor?: string;
  /** Nodes of one group and one executor share a worker or process. */
  readonly group?: string;
  /** How many items an async `process` may work on at once. */
  readonly concurrency?: number;
  /** Whether outputs of several calls at once are given as they come. */
  readonly unordered?: boolean;
  /** What is done where `process` fails for an item. */
  readonly failure_policy?: OnError | WrittenFailurePolicy;
  /** How many items wait for the node, and what becomes of more. */
  readonly input_queue?: WhenFull | WrittenQueueLimits;
  /** How many workers or processes have the node. */
  readonly replicas?: number;
  /** How items of several inputs come to the node. */
  readonly fan_in?: FanInPolicy | WrittenFanIn;
  /** How often the worker or process of the node is started again when it dies. */
  readonly restart?: number | WrittenRestart;
}

/** A node entry that names a type. */
export interface ManifestTypeNode extends ManifestSettings {
  /** Unique in the manifest. `validateManifest` makes one from type and position where none is given. */
  readonly id?: string;
  /** A registered class name, or where to import the class from. */
  readonly node_type: string;
  /** The node's parameters; `config` in the text is read as these too. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Whether the node takes its whole input as one stream. */
  readonly is_streaming?: boolean;
  /** Resources that the node asks for. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** Address of the machine on which the node is to run. */
  readonly host?: string;
}

/** A node entry that holds a live object; only in manifests given as objects. */
export interface ManifestInstanceNode extends ManifestSettings {
  /** Unique in the manifest. `validateManifest` makes one from name and position where none is given. */
  readonly id?: string;
  /** The very object that runs. */
  readonly instance: AnyNode;
}

/** A node entry. */
export type ManifestNode = ManifestTypeNode | ManifestInstanceNode;

/** An edge of the graph: what `from` gives out goes to `to`. */
export interface ManifestConnection {
  /** Id of the node that gives. */
  readonly from: string;
  /** Id of the node that takes. */
  readonly to: string;
  /** How many items that come by it wait for the node, and what becomes of more; without it they wait with all else that comes to it. */
  readonly queue?: WhenFull | WrittenQueueLimits;
}

/** What a manifest says of itself; other keys are kept as they are. */
export interface ManifestMetadata {
  /** Name in plans, logs and errors. @defaultValue `'pipeline'` */
  readonly name: string;
  /** What the pipeline is for, in words for people. */
  readonly description?: string;
  /** ISO 8601. */
  readonly created_at?: string;
  readonly [key: string]: unknown;
}

/** A manifest that has been validated: every node has an id, every connection names two of them. */
export interface Manifest {
  /** Version of the manifest format. */
  readonly version: 'v1';
  /** What the manifest says of itself; there even where none was given. */
  readonly metadata: ManifestMetadata;
  /** At least one; their order is that of the chain where there are no connections. */
  readonly nodes: readonly (ManifestNode & {
    /** Unique in the manifest; made from type and position where none was given. */
    readonly id: string;
  })[];
  /** Empty where none were given; several nodes without connections are a chain in list order. */
  readonly connections: readonly ManifestConnection[];
}

/** Whether a node entry holds a live object. */
export function isInstanceNode(entry: ManifestNode): entry is ManifestInstanceNode {
  return 'instance' in entry;
}

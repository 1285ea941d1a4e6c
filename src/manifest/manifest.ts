import type { AnyNode } from '../node/index.js';

/** A node entry that names a type. */
export interface ManifestTypeNode {
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
  /** Where the node runs. */
  readonly executor?: string;
  /** How many items an async `process` may work on at once. */
  readonly concurrency?: number;
}

/** A node entry that holds a live object; only in manifests given as objects. */
export interface ManifestInstanceNode {
  /** Unique in the manifest. `validateManifest` makes one from name and position where none is given. */
  readonly id?: string;
  /** The very object that runs. */
  readonly instance: AnyNode;
  /** Where the node runs. */
  readonly executor?: string;
  /** How many items an async `process` may work on at once. */
  readonly concurrency?: number;
}

/** A node entry. */
export type ManifestNode = ManifestTypeNode | ManifestInstanceNode;

/** An edge of the graph: what `from` gives out goes to `to`. */
export interface ManifestConnection {
  /** Id of a node. */
  readonly from: string;
  /** Id of a node. */
  readonly to: string;
}

/** What a manifest says of itself; other keys are kept as they are. */
export interface ManifestMetadata {
  /** @defaultValue `'pipeline'` */
  readonly name: string;
  readonly description?: string;
  /** ISO 8601. */
  readonly created_at?: string;
  readonly [key: string]: unknown;
}

/** A manifest that has been validated: every node has an id, every connection names two of them. */
export interface Manifest {
  readonly version: 'v1';
  readonly metadata: ManifestMetadata;
  readonly nodes: readonly (ManifestNode & { readonly id: string })[];
  /** Empty where none were given; several nodes without connections are a chain in list order. */
  readonly connections: readonly ManifestConnection[];
}

/** Whether a node entry holds a live object. */
export function isInstanceNode(entry: ManifestNode): entry is ManifestInstanceNode {
  return 'instance' in entry;
}

import type { Traits } from '../hosts/index.js';
import type { ManifestConnection } from '../manifest/index.js';
import type { WrittenSettings } from '../node/index.js';
import type { RunMetrics } from '../runtime/index.js';
import type { WatchLimits } from '../segment/index.js';

/** The line that a driver starts its engine with; see `schema/wire.md`. */
export interface EngineConfig {
  /** Where the driver listens. */
  readonly address: string;
  readonly token: string;
  readonly ownerPid: number;
  /** Version of the driver's package. */
  readonly packageVersion: string;
  /** Whether log records are told. */
  readonly debug: boolean;
}

/** What `define` is asked: one of `text`, `manifest` and `entries`. */
export interface DefineRequest {
  readonly text?: string | null;
  readonly manifest?: Readonly<Record<string, unknown>> | null;
  readonly entries?: readonly unknown[] | null;
  /** Node types that the driver knows, with and without the suffix `Node`. */
  readonly pythonTypes: readonly string[];
  readonly baseDir: string;
}

/** A node as `define` answers it. */
export interface DefinedNode extends WrittenSettings {
  readonly id: string;
  readonly language: 'python' | 'typescript';
  /** The driver's number of a live object. */
  readonly instance?: number;
  readonly node_type?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly executor?: string;
  readonly is_streaming?: boolean;
}

/** What `define` answers. */
export interface DefineAnswer {
  readonly name: string;
  readonly isManifest: boolean;
  readonly nodes: readonly DefinedNode[];
  readonly connections: readonly ManifestConnection[];
  readonly baseDir: string;
}

interface NodeMessage extends WrittenSettings {
  readonly id: string;
  /** Whether it is one of several copies, whose items have numbers. */
  readonly replica?: boolean | null;
}

interface ObjectMessage extends NodeMessage {
  readonly className: string;
  readonly name?: string | null;
  readonly traits: Traits;
}

/** A live object of the driver. */
export interface DriverNodeMessage extends ObjectMessage {
  readonly object: number;
}

/** A TypeScript type. */
export interface TypeNodeMessage extends NodeMessage {
  readonly node_type: string;
  readonly params?: Readonly<Record<string, unknown>> | null;
  readonly executor?: string | null;
}

/** A Python object for a process of its own. */
export interface PickledNodeMessage extends ObjectMessage {
  readonly pickled: Uint8Array;
  readonly returnState?: boolean | null;
}

/** A node of a pipeline that is to be made. */
export type PipelineNodeMessage = DriverNodeMessage | TypeNodeMessage | PickledNodeMessage;

/** A node that another run of the session has, under the same id. */
export interface StayingNodeMessage {
  readonly id: string;
  /** That run. */
  readonly of: string;
}

/** A pipeline that is to run. */
export interface PipelineMessage {
  readonly name: string;
  readonly baseDir: string;
  readonly nodes: readonly PipelineNodeMessage[];
  readonly connections: readonly ManifestConnection[];
}

/** A pipeline that is to run in a session, perhaps with nodes of the run before. */
export interface RunPipelineMessage extends Omit<PipelineMessage, 'nodes'> {
  readonly nodes: readonly (PipelineNodeMessage | StayingNodeMessage)[];
}

/** How Python processes are started. */
export interface PythonMessage {
  readonly executable: string;
  readonly args: readonly string[];
  readonly entry: string;
  readonly path: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What `run` is asked. */
export interface RunRequest {
  readonly run: string;
  readonly pipeline: RunPipelineMessage;
  readonly isInputGiven: boolean;
  readonly metrics: boolean;
  /** Id of a live session, which may be interrupted. */
  readonly session?: string | null;
  /** Whether items that come to nothing are told. */
  readonly accounted?: boolean | null;
  /** Which runs of a session follow each other, and the position of this one. */
  readonly row?: readonly [string, number] | null;
  /** Id of the run of the session before this one, which waits for `begin`. */
  readonly after?: string | null;
  /** How it is watched, where it is. */
  readonly watch?: WatchLimits | null;
  readonly python?: PythonMessage | null;
}

/** What `run` answers. */
export interface RunAnswer {
  readonly metrics: RunMetrics | null;
  /** Serialized states by node id. */
  readonly states: Readonly<Record<string, Uint8Array>>;
}

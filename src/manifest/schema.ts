// The one definition of manifest v1: it validates, and it is published as JSON Schema. The types in manifest.ts are
// what the read functions below give back, so the compiler holds them to it.
import { z } from 'zod';
import type { AnyNode } from '../node/index.js';
import type {
  ManifestConnection,
  ManifestInstanceNode,
  ManifestMetadata,
  ManifestTypeNode,
} from './manifest.js';

/** One thing that a schema found wrong. */
export type SchemaIssue = z.core.$ZodIssue;

/** What a schema made of a value: what it read, or what is wrong with it. */
export type Read<T> = { readonly value: T } | { readonly issues: readonly SchemaIssue[] };

/** The outer part of a manifest; its node entries are read one by one. */
export interface ManifestFrame {
  readonly metadata: ManifestMetadata;
  readonly nodes: readonly unknown[];
  readonly connections: readonly ManifestConnection[];
}

// `null` stands for absent: YAML gives one for `params:` with nothing behind it, Python writers for `None`.
const id = z
  .string()
  .min(1)
  .nullish()
  .describe('Unique in the manifest. Made from the type and the position where absent.');
const executor = z
  .string()
  .min(1)
  .nullish()
  .describe('Where the node runs: "in-process", "worker", "process" or "multiprocess".');
const group = z
  .string()
  .min(1)
  .nullish()
  .describe(
    'TypeScript nodes of one group and one executor share a worker or process. Absent: one of its own.',
  );
const concurrency = z
  .int()
  .min(1)
  .nullish()
  .describe('How many items an async process() may work on at once; outputs keep their order. Absent: 1.');
const unordered = z
  .boolean()
  .nullish()
  .describe(
    'Whether outputs of several calls at once are given as they come. Absent: in the order of their items.',
  );
const retry = z
  .strictObject({
    attempts: z.int().min(1).describe('Calls after the first one.'),
    delay_ms: z.number().min(0).nullish().describe('Time before the first of them. Absent: 100.'),
    factor: z.number().min(1).nullish().describe('How many times longer each wait is. Absent: 2.'),
    max_delay_ms: z.number().min(0).nullish().describe('Longest wait. Absent: 30000.'),
  })
  .describe('Calls that fail are made again.');
const onError = z
  .enum(['fail', 'skip'])
  .describe(
    'What becomes of an item for which process() fails: the run fails, or the item becomes a dead letter.',
  );
const failurePolicy = z
  .union([
    onError,
    z.strictObject({
      on_error: onError.nullish(),
      retry: retry.nullish(),
      timeout_ms: z
        .number()
        .min(1)
        .nullish()
        .describe('How long an async process() may take for its result, or for the next of many.'),
    }),
  ])
  .nullish()
  .describe('What is done where process() fails for an item. Absent: "fail".');
const whenFull = z
  .enum(['block', 'drop-oldest', 'drop-newest', 'latest'])
  .describe(
    'What becomes of an item that finds the queue full. "latest": it takes the place of all that wait.',
  );
const queueLimits = z.union([
  whenFull,
  z.strictObject({
    max_items: z.int().min(1).nullish().describe('Most items that wait. Absent: 16.'),
    max_bytes: z.int().min(1).nullish().describe('Most bytes that wait, of buffers and texts.'),
    max_age_ms: z.number().min(1).nullish().describe('How long an item may wait.'),
    when_full: whenFull.nullish(),
  }),
]);
const inputQueue = queueLimits
  .nullish()
  .describe('How many items wait for the node, and what becomes of more. Absent: "block".');
const replicas = z
  .int()
  .min(1)
  .nullish()
  .describe('How many workers or processes have the node; outputs keep their order. Absent: 1.');
const fanInPolicy = z
  .enum(['merge', 'zip', 'latest', 'timestamp'])
  .describe('"merge": each item by itself. The others give the node lists, with one item of each input.');
const fanIn = z
  .union([
    fanInPolicy,
    z.strictObject({
      policy: fanInPolicy,
      tolerance_us: z
        .number()
        .min(0)
        .nullish()
        .describe('Of "timestamp": how far times may lie apart. Absent: 0.'),
      max_wait_ms: z.number().min(1).nullish().describe('How long an item waits for the others.'),
      incomplete: z
        .enum(['drop', 'pass'])
        .nullish()
        .describe(
          'What becomes of what finds nothing that fits: "pass" gives null for what is missing. Absent: "drop".',
        ),
    }),
  ])
  .nullish()
  .describe('How items of several inputs come to the node. Absent: "merge".');
const restart = z
  .union([
    z.int().min(0),
    z.strictObject({
      limit: z.int().min(0).describe('How often, in one run or session.'),
      items: z
        .enum(['redeliver', 'report'])
        .nullish()
        .describe('What becomes of items that were in the host. Absent: "redeliver".'),
    }),
  ])
  .nullish()
  .describe(
    'How often the worker or process of the node is started again when it dies. Absent: the run fails.',
  );
const settings = {
  executor,
  group,
  concurrency,
  unordered,
  failure_policy: failurePolicy,
  input_queue: inputQueue,
  replicas,
  fan_in: fanIn,
  restart,
};
const params = z.record(z.string(), z.unknown()).nullish();

const typeEntry = z
  .strictObject({
    id,
    node_type: z
      .string()
      .min(1)
      .describe(
        'A registered class name, with or without the Node suffix; or where to import the class from: ' +
          '"./file.js#Class", "./file.py#Class", "python:module.Class". A type known in both languages runs in that of the ' +
          'program, unless "typescript:" stands before it.',
      ),
    params: params.describe("The node's parameters, handed to its constructor."),
    config: params.describe('Another name for params. Give one of the two.'),
    is_streaming: z.boolean().nullish().describe('Whether the node takes its whole input as one stream.'),
    capabilities: z.record(z.string(), z.unknown()).nullish().describe('Resources that the node asks for.'),
    host: z.string().nullish().describe('Address of the machine on which the node is to run.'),
    ...settings,
  })
  .describe('A node.');

// Not published: no text can hold a live object.
const instanceEntry = z.strictObject({
  id,
  instance: z.custom<AnyNode>((value) => value !== undefined && value !== null),
  ...settings,
});

const metadata = z
  .looseObject({
    name: z.string().nullish().describe('Name of the pipeline.'),
    description: z.string().nullish(),
    created_at: z.string().nullish().describe('ISO 8601, such as 2026-01-31T12:00:00Z.'),
  })
  .nullish();

const connection = z.strictObject({
  from: z.string().describe('Id of the node that gives.'),
  to: z.string().describe('Id of the node that takes.'),
  queue: queueLimits
    .nullish()
    .describe(
      'How many items that come by it wait for the node, and what becomes of more. Absent: they wait with all else.',
    ),
});

const outerFields = {
  $schema: z.string().nullish().describe('Where the JSON Schema of manifests lies, for editors.'),
  version: z.literal('v1').describe('The version of the manifest format.'),
  metadata,
  connections: z
    .array(connection)
    .nullish()
    .describe('The edges of the graph. Without any, several nodes are a chain in list order.'),
};

const frame = z.strictObject({ ...outerFields, nodes: z.array(z.unknown()) });
const publishedManifest = z.strictObject({ ...outerFields, nodes: z.array(typeEntry).min(1) });

/** The field names of each part of a manifest, for "did you mean". */
export const FIELDS: Readonly<
  Record<'manifest' | 'typeEntry' | 'instanceEntry' | 'connection', readonly string[]>
> = {
  manifest: Object.keys(publishedManifest.shape),
  typeEntry: Object.keys(typeEntry.shape),
  instanceEntry: Object.keys(instanceEntry.shape),
  connection: Object.keys(connection.shape),
};

/** Reads the outer part of a manifest. */
export function readFrame(value: unknown): Read<ManifestFrame> {
  const result = frame.safeParse(value);
  if (!result.success) return { issues: result.error.issues };
  const { name, description, created_at, ...others } = result.data.metadata ?? {};
  return {
    value: {
      metadata: { ...others, name: name ?? 'pipeline', ...withoutNulls({ description, created_at }) },
      nodes: result.data.nodes,
      connections: (result.data.connections ?? []).map(({ queue, ...ends }) => ({
        ...ends,
        ...withoutNulls({ queue }),
      })),
    },
  };
}

/** Reads a node entry that names a type. */
export function readTypeEntry(value: unknown): Read<ManifestTypeNode> {
  const result = typeEntry.safeParse(value);
  if (!result.success) return { issues: result.error.issues };
  const { node_type, params: given, config, ...others } = result.data;
  return { value: { node_type, params: given ?? config ?? {}, ...withoutNulls(others) } };
}

/** Reads a node entry that holds a live object. */
export function readInstanceEntry(value: unknown): Read<ManifestInstanceNode> {
  const result = instanceEntry.safeParse(value);
  if (!result.success) return { issues: result.error.issues };
  const { instance, ...others } = result.data;
  return { value: { instance, ...withoutNulls(others) } };
}

/** The JSON Schema of manifest v1, as it is published in `schema/manifest.v1.json`. */
export function manifestJsonSchema(): object {
  const schema = publishedManifest.meta({
    title: 'RemoteMedia manifest v1',
    description:
      'A pipeline: its nodes and how they are connected. Keys that start with "x-" are left alone.',
  });
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) jsonSchema.patternProperties = { '^x-': {} };
    },
  });
}

type WithoutNulls<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> };

function withoutNulls<T extends object>(fields: T): WithoutNulls<T> {
  const present = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(present) as WithoutNulls<T>;
}

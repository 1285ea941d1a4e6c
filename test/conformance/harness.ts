import { readFileSync } from 'node:fs';
import {
  executePipeline,
  executePipelineWithInput,
  NodeError,
  Pipeline,
  type AnyNode,
  type DeadLetter,
  type Fate,
  type ManifestConnection,
  type NodePhase,
  type RunOptions,
  type SessionAccount,
} from 'remotemedia';
import { expect } from 'vitest';
import { readQueue, readSettings, type WrittenSettings } from '../../dist/node/index.js';

/** A node of a case. */
export interface CaseNode extends WrittenSettings {
  readonly id: string;
  readonly type: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Limits of what comes by one connection. */
type Queue = NonNullable<ManifestConnection['queue']>;

/** What a live session goes through. */
type Step =
  | readonly [step: 'write', item: unknown, survives?: 'survives']
  | readonly [step: 'read' | 'interrupt' | 'end'];

/** One entry of `cases.json`; README.md says what its fields mean. */
export interface ConformanceCase {
  readonly name: string;
  readonly nodes: readonly CaseNode[];
  readonly connections?: readonly (readonly [from: string, to: string, queue?: Queue])[];
  readonly input?: readonly unknown[];
  readonly outputs: readonly unknown[];
  readonly order?: 'any';
  readonly sameOrder?: readonly (readonly unknown[])[];
  readonly journal?: readonly string[];
  readonly error?: { readonly nodeId: string; readonly phase: NodePhase; readonly itemIndex?: number };
  readonly cancelAfter?: number;
  readonly session?: readonly Step[];
  readonly shared?: readonly (readonly string[])[];
  readonly deadLetters?: readonly (readonly [nodeId: string, itemIndex: number, item: unknown])[];
  readonly account?: readonly InputLine[];
}

/** What became of one input; a node that is null is not looked at. */
type InputLine = readonly [
  fate: Fate,
  outputs: number,
  losses: readonly (readonly [reason: string, nodeId: string | null])[],
];

/** The live nodes of one run of a case, in whichever host they live. */
export interface CaseNodes {
  readonly nodes: ReadonlyMap<string, AnyNode>;
  /** What the nodes noted so far. */
  journal(): readonly string[] | Promise<readonly string[]>;
  /** Lets go of what was made for this run. */
  dispose?(): Promise<void>;
}

/** What a host gives to the table. */
export interface ConformanceHost {
  /** Makes the nodes of a case: `makeNode` once for every object of it. */
  make(testCase: ConformanceCase): CaseNodes | Promise<CaseNodes>;
  /** Checks the cause of the error of an `Explode`. */
  expectBoom(cause: unknown): void;
}

/** The table. */
export const CASES: readonly ConformanceCase[] = JSON.parse(
  readFileSync(new URL('./cases.json', import.meta.url), 'utf8'),
) as ConformanceCase[];

const PER_ITEM = new Set(
  JSON.parse(readFileSync(new URL('./per-item.json', import.meta.url), 'utf8')) as string[],
);

/** Whether copies of a node do together what the node does alone. */
export function canHaveReplicas(testCase: ConformanceCase, node: CaseNode): boolean {
  const hasArrays = testCase.nodes.some(({ type }) => type === 'Filled');
  const isPerItem = PER_ITEM.has(node.type) && node.fan_in === undefined;
  return isPerItem && !hasArrays && !isShared(testCase, node);
}

/** Whether a node's object is at several places. */
export function isShared({ shared = [] }: ConformanceCase, { id }: CaseNode): boolean {
  return shared.flat().includes(id);
}

/** A way to run a case, for those that it can run. */
export interface Way {
  readonly name: string;
  isFor(testCase: ConformanceCase): boolean;
  expectCase(testCase: ConformanceCase, host: ConformanceHost): Promise<void>;
}

/** Every way to run a case; the first runs all of them that are not left early. */
export const WAYS: readonly Way[] = [
  {
    name: 'read as a stream',
    isFor: isRunToEnd,
    expectCase: (testCase, host) => expectRun(testCase, host, readAll, testCase.outputs),
  },
  {
    name: 'left early',
    isFor: (testCase) => testCase.cancelAfter !== undefined,
    expectCase: (testCase, host) => expectRun(testCase, host, leaveEarly, testCase.outputs),
  },
  {
    name: 'aborted',
    isFor: (testCase) => testCase.cancelAfter !== undefined,
    expectCase: (testCase, host) => expectRun(testCase, host, abort, testCase.outputs),
  },
  {
    name: 'collected',
    isFor: isRunToEnd,
    expectCase: (testCase, host) => expectRun(testCase, host, collect, collected(testCase)),
  },
  {
    name: 'collected from a manifest of instances',
    isFor: isRunToEnd,
    expectCase: (testCase, host) => expectRun(testCase, host, collectFromManifest, collected(testCase)),
  },
  {
    name: 'as a live session',
    isFor: (testCase) => testCase.session !== undefined,
    expectCase: (testCase, host) => expectRun(testCase, host, liveSession, testCase.outputs),
  },
];

function isRunToEnd({ cancelAfter, session }: ConformanceCase): boolean {
  return cancelAfter === undefined && session === undefined;
}

/** Gets outputs into `outputs` as they come; rejects with what the run failed with. */
type Runner = (
  testCase: ConformanceCase,
  nodes: ReadonlyMap<string, AnyNode>,
  outputs: unknown[],
  options: RunOptions,
) => Promise<void>;

async function expectRun(
  testCase: ConformanceCase,
  host: ConformanceHost,
  run: Runner,
  expected: readonly unknown[],
): Promise<void> {
  const made = await host.make(testCase);
  try {
    const outputs: unknown[] = [];
    const letters: DeadLetter[] = [];
    const options = { onDeadLetter: (letter: DeadLetter) => void letters.push(letter) };
    const failure: unknown = await run(testCase, made.nodes, outputs, options).then(
      () => undefined,
      (error: unknown) => error ?? 'nothing',
    );
    expectFailure(testCase, failure, host);
    expectOutputs(testCase, outputs, expected);
    expectDeadLetters(testCase, letters);
    if (testCase.journal !== undefined) expect(await made.journal()).toEqual(testCase.journal);
  } finally {
    await made.dispose?.();
  }
}

function expectFailure({ error }: ConformanceCase, failure: unknown, host: ConformanceHost): void {
  if (error === undefined) {
    expect(failure).toBeUndefined();
    return;
  }
  expect(failure).toBeInstanceOf(NodeError);
  const { nodeId, phase, itemIndex, cause } = failure as NodeError;
  expect({ nodeId, phase, itemIndex }).toEqual({ itemIndex: undefined, ...error });
  host.expectBoom(cause);
}

function expectDeadLetters({ deadLetters = [] }: ConformanceCase, letters: readonly DeadLetter[]): void {
  // Those of nodes in different hosts have no common order.
  const byNode = (one: readonly unknown[], other: readonly unknown[]): number =>
    String(one[0]).localeCompare(String(other[0]));
  const given = letters.map(({ nodeId, itemIndex, item }) => [nodeId, itemIndex, item]);
  expect(given.sort(byNode)).toEqual([...deadLetters].sort(byNode));
  for (const { error, nodeId, itemIndex } of letters) {
    expect(error).toBeInstanceOf(NodeError);
    expect(error).toMatchObject({ nodeId, itemIndex, phase: 'process' });
  }
}

function expectOutputs(
  { order, sameOrder }: ConformanceCase,
  outputs: readonly unknown[],
  expected: readonly unknown[],
): void {
  if (order === 'any') expect(sorted(outputs)).toEqual(sorted(expected));
  else expect(outputs).toEqual(expected);
  for (const list of sameOrder ?? []) {
    const members = new Set(list.map((value) => JSON.stringify(value)));
    expect(outputs.filter((value) => members.has(JSON.stringify(value)))).toEqual(list);
  }
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort();
}

/** A caller who waits for the end sees no outputs of a run that failed. */
function collected({ error, outputs }: ConformanceCase): readonly unknown[] {
  return error === undefined ? outputs : [];
}

const readAll: Runner = async (testCase, nodes, outputs, options) => {
  const stream = pipelineOf(testCase, nodes).stream(testCase.input, options);
  for await (const output of stream) outputs.push(output);
};

const leaveEarly: Runner = async (testCase, nodes, outputs) => {
  for await (const output of pipelineOf(testCase, nodes).stream(testCase.input)) {
    outputs.push(output);
    if (outputs.length === testCase.cancelAfter) break;
  }
};

const abort: Runner = async (testCase, nodes, outputs) => {
  const controller = new AbortController();
  const reason = new Error('the caller has enough');
  const stream = pipelineOf(testCase, nodes).stream(testCase.input, { signal: controller.signal });
  for (let count = 0; count < (testCase.cancelAfter ?? 0); count++) outputs.push((await stream.next()).value);
  controller.abort(reason);
  await expect(drain(stream)).rejects.toBe(reason);
};

/** Outputs that were ready when the run was aborted still come. */
async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const output of stream) expect(output).toBeDefined();
}

const collect: Runner = async (testCase, nodes, outputs, options) => {
  const pipeline = pipelineOf(testCase, nodes);
  if (testCase.input !== undefined)
    outputs.push(...((await executePipelineWithInput(pipeline, testCase.input, options)) as unknown[]));
  else outputs.push(...rewrapped(await executePipeline(pipeline, options), testCase));
};

const collectFromManifest: Runner = async (testCase, nodes, outputs, options) => {
  const manifest = {
    version: 'v1',
    metadata: { name: 'case' },
    nodes: testCase.nodes.map(({ id }) => ({ id, instance: nodes.get(id) })),
    connections: (testCase.connections ?? []).map(([from, to, queue]) => ({
      from,
      to,
      ...(queue === undefined ? {} : { queue }),
    })),
  };
  const result = await (testCase.input === undefined
    ? executePipeline(manifest, options)
    : executePipelineWithInput(manifest, testCase.input, options));
  outputs.push(...rewrapped(result, testCase));
};

const liveSession: Runner = async (testCase, nodes, outputs, options) => {
  const session = await pipelineOf(testCase, nodes).open({ ...options, accounting: true });
  for (const [step, item, survives] of testCase.session ?? []) {
    if (step === 'write') await session.write(item, { survives: survives !== undefined });
    else if (step === 'read') outputs.push((await session.next()).value);
    else session[step]();
  }
  for await (const output of session) outputs.push(output);
  await session.done;
  expectAccount(testCase, session.account(), outputs);
};

/** Every input is in one group, and every output belongs to one, or to none. */
function expectAccount(
  { session, account: lines }: ConformanceCase,
  account: SessionAccount,
  outputs: readonly unknown[],
): void {
  const inputs = Array.from({ length: account.inputs }, (_, index) => account.of(index));
  expect(account.inputs).toBe(session?.filter(([step]) => step === 'write').length);
  expect(account.pending).toBe(0);
  expect(account.answered + account.lost + account.silent).toBe(account.inputs);
  expect(inputs.reduce((sum, { outputs: count }) => sum + count, account.others.outputs)).toBe(
    outputs.length,
  );
  lines?.forEach(([fate, count, losses], index) => {
    const input = account.of(index);
    const told = input.losses.map(({ reason, nodeId }, at) => [
      reason,
      losses[at]?.[1] === null ? null : nodeId,
    ]);
    expect([index, input.fate, input.outputs, told]).toEqual([index, fate, count, losses]);
  });
}

/** Exactly one output comes bare, none at all without input as nothing. */
function rewrapped(result: unknown, { outputs }: ConformanceCase): readonly unknown[] {
  if (outputs.length === 1) return [result];
  return (result ?? []) as unknown[];
}

function pipelineOf(testCase: ConformanceCase, nodes: ReadonlyMap<string, AnyNode>): Pipeline {
  const pipeline = new Pipeline('case');
  for (const { id } of testCase.nodes) pipeline.add(nodes.get(id)!, { id });
  for (const [from, to, queue] of testCase.connections ?? [])
    pipeline.connect(from, to, { queue: readQueue(queue) });
  return pipeline;
}

/** Makes one object per node, but the first one's for nodes that are one and the same. */
export function placeNodes(
  { nodes, shared = [] }: ConformanceCase,
  make: (node: CaseNode) => AnyNode,
): Map<string, AnyNode> {
  const placed = new Map<string, AnyNode>();
  for (const node of nodes) {
    const first = shared.find((ids) => ids.includes(node.id))?.[0];
    const live = placed.get(first ?? '') ?? make(node);
    Object.assign(live, readSettings(node));
    placed.set(node.id, live);
  }
  return placed;
}

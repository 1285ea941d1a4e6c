import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AnyNode } from 'remotemedia';
import type { DefineAnswer, DefineRequest, RunAnswer, RunRequest } from '../../dist/engine/messages.js';
import { InProcessHost, type Host, type InProcessSegment } from '../../dist/hosts/index.js';
import type { PlanAnswer } from '../../dist/engine/plan.js';
import { ControlConnection, encodeFailure, listener } from '../../dist/protocol/index.js';
import { CollectSink, RunState } from '../../dist/segment/index.js';
import { roleOf } from '../../dist/node/index.js';

export const ENGINE: string = fileURLToPath(new URL('../../dist/engine/main.js', import.meta.url));
export const FOLDER: string = fileURLToPath(new URL('.', import.meta.url));
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** An event `output` of the engine. */
export interface OutputLine {
  readonly host: string;
  readonly nodeId?: string;
  readonly stream: string;
  readonly line: string;
}

interface Description {
  readonly segment: string;
  readonly run: string;
  readonly nodes: readonly { readonly id: string; readonly object: number }[];
  readonly edges: readonly (readonly [string, string])[];
  readonly inputs: readonly { readonly channel: string; readonly token: string; readonly to: string[] }[];
  readonly outputs: readonly {
    readonly channel: string;
    readonly token: string;
    readonly from: string;
    readonly address: string;
  }[];
}

interface OpenRun {
  readonly input: Iterable<unknown> | AsyncIterable<unknown>;
  readonly sink: CollectSink;
  readonly states: RunState[];
}

type PipelineMessage = RunRequest['pipeline'];

/** What a test gives to a run beside the pipeline. */
export interface DriverRunOptions {
  readonly input?: Iterable<unknown> | AsyncIterable<unknown>;
  readonly metrics?: boolean;
  readonly python?: RunRequest['python'];
  readonly run?: string;
}

/** Plays the part of a Python program: listens, starts an engine, and runs segments of its own objects. */
export class Driver implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly control: ControlConnection;
  readonly ready: { readonly pid: number; readonly nodeVersion: string; readonly packageVersion: string };
  readonly exited: Promise<number | null>;
  readonly lines: OutputLine[] = [];
  readonly logs: { readonly level: string; readonly logger: string; readonly message: string }[] = [];
  readonly stderr: string[] = [];
  readonly #objects = new Map<number, AnyNode>();
  readonly #runs = new Map<string, OpenRun>();
  readonly #segments = new Map<string, { readonly segment: InProcessSegment; readonly run: RunState }>();
  readonly #waiting: { readonly matches: (line: OutputLine) => boolean; readonly resolve: () => void }[] = [];
  /** Gets the description of each segment that the engine opens here. */
  onOpen: (description: Description) => void = ignore;

  static async start({ debug = false }: { readonly debug?: boolean } = {}): Promise<Driver> {
    const token = randomBytes(16).toString('hex');
    const address = await listener.address();
    const child = spawn(process.execPath, [ENGINE], { stdio: ['pipe', 'ignore', 'pipe'] });
    return new Promise((resolve, reject) => {
      const stderr: string[] = [];
      createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
      const exited = new Promise<number | null>((done) => child.once('exit', done));
      void exited.then(() => reject(new Error(stderr.join('\n'))));
      listener.expect(token, (connection) => {
        const control = new ControlConnection(connection, 'engine', {
          onEvent: (name, params) => {
            if (name === 'ready') resolve(Object.assign(driver, { ready: params as Driver['ready'] }));
            else driver.#onEvent(name, params);
          },
          onRequest: (method, params) => driver.#serve(method, params),
          onClosed: ignore,
        });
        const driver: Driver = new Driver(child, control, exited, stderr);
        return control;
      });
      const { pid: ownerPid } = process;
      // Its end is told by `exited`.
      child.stdin.on('error', ignore);
      child.stdin.end(`${JSON.stringify({ address, token, ownerPid, packageVersion: VERSION, debug })}\n`);
    });
  }

  private constructor(
    child: ChildProcess,
    control: ControlConnection,
    exited: Promise<number | null>,
    stderr: string[],
  ) {
    this.child = child;
    this.control = control;
    this.exited = exited;
    this.stderr = stderr;
    this.ready = { pid: 0, nodeVersion: '', packageVersion: '' };
  }

  async define(request: Partial<DefineRequest>): Promise<DefineAnswer> {
    return (await this.control.request('define', {
      pythonTypes: [],
      baseDir: FOLDER,
      ...request,
    })) as DefineAnswer;
  }

  async plan(pipeline: PipelineMessage): Promise<PlanAnswer> {
    return (await this.control.request('plan', { pipeline })) as PlanAnswer;
  }

  cancel(run: string, reason?: string): Promise<unknown> {
    return this.control.request('cancel', { run, ...(reason === undefined ? {} : { reason }) });
  }

  /** What stands for an object of this program in a pipeline. */
  node(id: string, node: AnyNode): PipelineMessage['nodes'][number] {
    const object = this.#objects.size + 1;
    this.#objects.set(object, node);
    const role = roleOf(node);
    return {
      id,
      object,
      className: node.constructor.name,
      traits: {
        process: true,
        initialize: true,
        cleanup: true,
        flush: node.flush !== undefined,
        isStreaming: role === 'stream',
        isSource: role === 'source',
        isAsync: false,
      },
    };
  }

  /** Runs a chain, or a graph where connections are given. */
  async run(
    nodes: PipelineMessage['nodes'],
    { input, metrics = false, python, run = `run-${String(this.#runs.size)}` }: DriverRunOptions = {},
    connections: PipelineMessage['connections'] = [],
  ): Promise<RunAnswer & { readonly outputs: unknown[] }> {
    const sink = new CollectSink();
    this.#runs.set(run, { input: input ?? [''], sink, states: [] });
    const answer = (await this.control.request('run', {
      run,
      pipeline: { name: 'test', baseDir: FOLDER, nodes, connections },
      isInputGiven: input !== undefined,
      metrics,
      ...(python === undefined ? {} : { python }),
    })) as RunAnswer;
    return { ...answer, outputs: sink.outputs };
  }

  /** What has come out of a run so far. */
  outputsOf(run: string): readonly unknown[] {
    return this.#runs.get(run)?.sink.outputs ?? [];
  }

  /** Resolves with the first printed line that fits. */
  async line(text: string): Promise<void> {
    const matches = ({ line }: OutputLine): boolean => line === text;
    if (this.lines.some(matches)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ matches, resolve }));
  }

  #onEvent(name: string, params: unknown): void {
    if (name === 'log') this.logs.push(params as Driver['logs'][number]);
    if (name !== 'output') return;
    const line = params as OutputLine;
    this.lines.push(line);
    for (const { matches, resolve } of this.#waiting) if (matches(line)) resolve();
  }

  #serve(method: string, params: unknown): unknown {
    if (method === 'open') return this.#open(params as Description);
    const opened = this.#segments.get((params as { readonly segment: string }).segment);
    if (opened === undefined) throw new Error(`there is no segment for ${method}`);
    const { segment, run } = opened;
    switch (method) {
      case 'start':
        return this.#start((params as { readonly segment: string }).segment);
      case 'stop':
        run.markFailed();
        return {};
      case 'cancel':
        run.cancel(new Error('cancelled'));
        return {};
      case 'close':
        return segment.close().then((failures) => ({
          failures: failures.map((failure) => encodeFailure(failure)),
          metrics: run.isMetered ? segment.metrics() : null,
        }));
      default:
        throw new Error(`no method ${method}`);
    }
  }

  async #open(description: Description): Promise<object> {
    this.onOpen(description);
    const { segment: id, nodes, edges, inputs, outputs } = description;
    const { input, sink, states } = this.#runs.get(description.run)!;
    const run = new RunState(SILENT, (description as unknown as { metrics: boolean }).metrics);
    states.push(run);
    const here = new InProcessHost();
    const ids = new Set([
      ...nodes.map((node) => node.id),
      ...[...edges.flat(), ...inputs.flatMap(({ to }) => to), ...outputs.map(({ from }) => from)],
    ]);
    const inputFirst = ids.delete('(input)') ? ['(input)', ...ids] : [...ids];
    const segment = await here.open({
      segment: {
        id,
        host: here.name,
        nodes: inputFirst,
        edges: edges.map(([from, to]) => ({ from, to })),
        why: '',
      },
      nodes: new Map(nodes.map((node) => [node.id, this.#objects.get(node.object)!])),
      inputs: inputs.map((channel) => ({
        ...channelOf(channel),
        to: channel.to,
        producer: far(''),
        consumer: here,
      })),
      outputs: outputs.map((channel) => ({
        ...channelOf(channel),
        from: channel.from,
        producer: here,
        consumer: far(channel.address),
      })),
      run,
      input,
      output: sink,
      joined: new Map(),
      localEntries: new Map(),
    });
    segment.assemble();
    this.#segments.set(id, { segment, run });
    return {};
  }

  async #start(id: string): Promise<object> {
    const { segment, run } = this.#segments.get(id)!;
    await segment.connect();
    segment.start();
    void segment.done.then(() => {
      const failures = run.failures.map((failure) => encodeFailure(failure));
      this.control.emit('done', { segment: id, failures, stuck: [] });
    });
    return {};
  }

  /** Closes the connection, and waits until the engine has ended. */
  async close(): Promise<number | null> {
    this.control.close();
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function channelOf({ channel, token }: { readonly channel: string; readonly token: string }): {
  id: string;
  token: string;
  from: string;
  to: string[];
  fromSegment: string;
  toSegment: string;
} {
  return { id: channel, token, from: '', to: [], fromSegment: '', toSegment: '' };
}

function far(address: string): Host {
  return {
    name: 'far',
    language: 'typescript',
    canShareMemory: true,
    listen: () => Promise.resolve(address),
    open: () => Promise.reject(new Error('not here')),
  };
}

function ignore(): void {}

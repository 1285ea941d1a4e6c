import { RemoteMediaError } from '../errors/index.js';
import { makeDriverHost, type DriverHost, type HostOutput } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';
import { ControlConnection, encodeFailure, helloOf, unknownMethod } from '../protocol/index.js';
import type { Session } from '../runtime/index.js';
import type { DeadLetter, LossEntry, StuckReport } from '../segment/index.js';
import { FollowedRun } from './follow.js';
import { SealedItem } from '../wire/index.js';
import type { HostSettings, KeptWorker } from './kept-worker.js';
import type { DefineRequest, EngineConfig, PipelineMessage, RunRequest } from './messages.js';

/** How long hosts may take to end once the driver has gone, in milliseconds. */
const END_MS = 2500;

/** Serves one driver: reads pipelines, runs them, and says what they do. What a request needs is loaded by the first of its kind. */
export class Engine {
  readonly #driver: DriverHost;
  readonly #settings: HostSettings;
  readonly #runs = new Map<string, EngineRun>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #sink: DriverSink;
  #worker: KeptWorker | undefined;

  /**
   * Connects to the driver.
   *
   * @param onClosed - called once the driver has gone, with the error of a connection that did not end in good order
   * @throws RemoteMediaError `RM_PROTOCOL` where it cannot be reached
   */
  static async start(
    config: EngineConfig,
    onClosed: (engine: Engine, error: Error | undefined) => void,
  ): Promise<Engine> {
    const { address, token, debug } = config;
    const sink = new DriverSink(debug);
    const driver = await makeDriverHost(address, sink.logger);
    const engine = new Engine(driver, sink);
    const control = await ControlConnection.dial(address, helloOf(token, 'engine'), 'driver', {
      onRequest: (method, params) => engine.#handle(method, params),
      onEvent: (name, params) => {
        driver.take(name, params);
      },
      onClosed: (error) => {
        driver.disconnect(new RemoteMediaError('RM_CLOSED', 'The program that drives has gone.'));
        onClosed(engine, error);
      },
    });
    sink.control = control;
    driver.connect(control);
    const { packageVersion } = config;
    control.emit('ready', { pid: process.pid, nodeVersion: process.version, packageVersion });
    return engine;
  }

  private constructor(driver: DriverHost, sink: DriverSink) {
    this.#driver = driver;
    this.#sink = sink;
    const { logger, isDebug } = sink;
    this.#settings = { logger, isDebug, onOutput: sink.print.bind(sink) };
  }

  #handle(method: string, params: unknown): unknown {
    switch (method) {
      case 'define':
        return this.#define(params as DefineRequest);
      case 'run':
        return this.#tracked(this.#run(params as RunRequest));
      case 'cancel':
        this.#cancel(params as { readonly run: string; readonly reason?: string | null });
        return {};
      case 'begin':
        this.#runs.get((params as RunName).run)?.followed.begin();
        return {};
      case 'keep':
        return this.#keep(params as RunName & { readonly nodes: readonly string[] });
      case 'interrupt': {
        const { run, before } = params as { readonly run: string; readonly before: number };
        this.#runs.get(run)?.session?.interrupt(before);
        return {};
      }
      case 'plan':
        return this.#plan(params as { readonly pipeline: PipelineMessage });
      default:
        throw unknownMethod(method);
    }
  }

  async #define(request: DefineRequest): Promise<object> {
    const { define } = await import('./define.js');
    return define(request, this.#driver);
  }

  async #plan({ pipeline }: { readonly pipeline: PipelineMessage }): Promise<object> {
    const { planPipeline } = await import('./plan.js');
    return planPipeline(pipeline, this.#driver, await this.#keptWorker());
  }

  async #run(request: RunRequest): Promise<object> {
    const { run } = request;
    if (this.#runs.has(run)) throw new RemoteMediaError('RM_PROTOCOL', `There is a run "${run}" already.`);
    const { row, after } = request;
    const onWaiting =
      typeof after === 'string' ? (): void => this.#sink.control?.emit('waiting', { run }) : undefined;
    const followed = new FollowedRun(row ?? undefined, onWaiting);
    const engineRun: EngineRun = { followed };
    this.#runs.set(run, engineRun);
    try {
      const { runPipeline } = await import('./run.js');
      const driver = this.#driver.forRun(run);
      const worker = await this.#keptWorker();
      const onReady = (): void => this.#sink.control?.emit('opened', { run });
      const onStuck = (report: StuckReport): void => this.#sink.control?.emit('stuck', { run, ...report });
      const onSession = (session: Session): void => void (engineRun.session = session);
      const onDeadLetter = this.#sink.giveUp.bind(this.#sink, run);
      const onLosses = (losses: readonly LossEntry[]): void =>
        this.#sink.control?.emit('losses', { run, losses });
      const runOf = (id: string): FollowedRun | undefined => this.#runs.get(id)?.followed;
      const calls = { onReady, onSession, onDeadLetter, onLosses, onStuck };
      const place = { driver, worker, settings: this.#settings, followed, runOf, ...calls };
      return await runPipeline(request, place);
    } finally {
      this.#runs.delete(run);
    }
  }

  async #keep({ run, nodes }: RunName & { readonly nodes: readonly string[] }): Promise<object> {
    const kept = this.#runs.get(run);
    kept?.followed.keep();
    await kept?.session?.keep(nodes);
    return {};
  }

  #cancel({ run, reason }: RunName & { readonly reason?: string | null }): void {
    this.#runs
      .get(run)
      ?.followed.controller.abort(new DOMException(reason ?? 'The run was cancelled.', 'AbortError'));
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    const forget = (): boolean => this.#running.delete(work);
    work.then(forget, forget);
    return work;
  }

  async #keptWorker(): Promise<KeptWorker> {
    const { KeptWorker } = await import('./kept-worker.js');
    return (this.#worker ??= new KeptWorker(this.#settings));
  }

  /** Cancels all runs and ends all hosts; those that take too long end by themselves, as their engine does. */
  async end(): Promise<void> {
    this.#sink.control?.close();
    for (const run of this.#runs.keys()) this.#cancel({ run });
    const ending = Promise.allSettled([...this.#running]).then(() => this.#worker?.close());
    const timeout = new Promise((resolve) => setTimeout(resolve, END_MS));
    await Promise.race([ending, timeout]);
  }
}

interface RunName {
  readonly run: string;
}

/** A run of the driver's. */
interface EngineRun {
  readonly followed: FollowedRun;
  /** There once its hosts are. */
  session?: Session;
}

/** What the driver is told beside answers: lines that nodes print, log records, and items that were given up. */
class DriverSink {
  /** There once the driver is. */
  control: ControlConnection | undefined;
  /** Whether all log records are told. */
  readonly isDebug: boolean;
  readonly logger: Logger;

  constructor(isDebug: boolean) {
    this.isDebug = isDebug;
    const at = (level: string, isAlwaysTold: boolean) => (message: string) => {
      if (isDebug || isAlwaysTold)
        this.control?.emit('log', { level, logger: 'remotemedia.engine', message });
    };
    this.logger = {
      debug: at('debug', false),
      info: at('info', false),
      warn: at('warn', true),
      error: at('error', true),
    };
  }

  print({ host, nodeId, stream, text }: HostOutput): void {
    const line = { host, stream, line: text, ...(nodeId === undefined ? {} : { nodeId }) };
    this.control?.emit('output', line);
  }

  giveUp(run: string, { nodeId, itemIndex, item, error }: DeadLetter, stamp?: number): void {
    // The item has crossed to here, so that it crosses to the driver as well.
    const told = item instanceof SealedItem ? { sealed: item.content } : { item };
    this.control?.emit('dead-letter', {
      run,
      nodeId,
      itemIndex,
      stamp,
      ...told,
      failure: encodeFailure(error),
    });
  }
}

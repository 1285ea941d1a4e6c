import { startTypeScriptHost, type HostOutput, type TypeScriptHost } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';

/** What the hosts of an engine are started with. */
export interface HostSettings {
  readonly logger: Logger;
  readonly isDebug: boolean;
  /** Gets what nodes print. */
  readonly onOutput: (output: HostOutput) => void;
}

/** The worker thread in which TypeScript nodes run: started by the first run that needs it, and kept. */
export class KeptWorker {
  readonly #settings: HostSettings;
  readonly #users = new Map<TypeScriptHost, number>();
  #current: Promise<TypeScriptHost> | undefined;

  constructor(settings: HostSettings) {
    this.#settings = settings;
  }

  /** The worker, for one run; {@link KeptWorker.release} gives it back. A dead one is replaced. */
  async acquire(): Promise<TypeScriptHost> {
    for (;;) {
      this.#current ??= startTypeScriptHost({ kind: 'thread', name: 'worker', ...this.#settings });
      const current = this.#current;
      try {
        const worker = await current;
        if (!worker.isDead) {
          this.#users.set(worker, (this.#users.get(worker) ?? 0) + 1);
          return worker;
        }
      } catch (error) {
        this.#forget(current);
        throw error;
      }
      this.#forget(current);
    }
  }

  #forget(worker: Promise<TypeScriptHost>): void {
    // Another run may have replaced it meanwhile.
    if (this.#current === worker) this.#current = undefined;
  }

  /**
   * A run no longer uses the worker.
   *
   * @param stuckId - a node in it that has not returned. It holds up the other runs as well, so the worker ends at once, and they with it
   */
  async release(worker: TypeScriptHost, stuckId: string | undefined): Promise<void> {
    const isStuck = stuckId !== undefined;
    const current = await this.#current?.catch(() => undefined);
    const left = (this.#users.get(worker) ?? 1) - 1;
    if (left > 0 && !isStuck) {
      this.#users.set(worker, left);
      return;
    }
    this.#users.delete(worker);
    if (isStuck && current === worker) this.#current = undefined;
    if (isStuck) await worker.kill(`node "${stuckId}" of another run held it up and did not return`);
    else if (worker.isDead || current !== worker) void worker.close();
  }

  /** Ends it. */
  async close(): Promise<void> {
    const workers = new Set(this.#users.keys());
    const current = await this.#current?.catch(() => undefined);
    if (current !== undefined) workers.add(current);
    await Promise.all([...workers].map((worker) => worker.close()));
  }
}

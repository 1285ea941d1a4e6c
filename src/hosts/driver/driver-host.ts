import type { Logger } from '../../logging/index.js';
import type { ControlConnection } from '../../protocol/index.js';
import type { Host } from '../host.js';
import { RemoteHost } from '../remote/remote-host.js';

/** The program that drives this engine: its objects stay in it, and both ends of every pipeline are there. */
export class DriverHost extends RemoteHost {
  readonly language = 'python';
  readonly #address: string;
  #die: (error: Error) => void = () => undefined;
  readonly #death = new Promise<Error>((resolve) => (this.#die = resolve));

  /** @param address - where the program listens */
  constructor(address: string, logger: Logger) {
    super('driver', logger);
    this.#address = address;
  }

  /** The connection is there: segments may be opened. */
  connect(control: ControlConnection): void {
    this.control = control;
  }

  /** The connection has closed. */
  disconnect(error: Error): void {
    this.#die(error);
  }

  override get death(): Promise<Error> {
    return this.#death;
  }

  override listen(): Promise<string> {
    return Promise.resolve(this.#address);
  }

  /** Takes an event of the program. */
  take(name: string, params: unknown): void {
    this.onEvent(name, params);
  }

  /** The program as the host of one run: it is told with every segment which run that belongs to. */
  forRun(run: string): Host {
    return {
      name: this.name,
      language: this.language,
      canShareMemory: this.canShareMemory,
      watchDeath: (listener) => this.watchDeath(listener),
      listen: () => this.listen(),
      open: (request) => this.openSegment(request, { run }),
    };
  }
}

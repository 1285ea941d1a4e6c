import type { Logger } from '../logging/index.js';
import { ControlConnection, helloOf, listener } from '../protocol/index.js';
import { HostServer } from './host-server.js';
import { LineTeller } from './last-lines.js';
import { tellLines } from './printing.js';

/** What a host is told when it starts; see `schema/wire.md`. */
export interface HostConfig {
  /** Where the engine listens. */
  readonly address: string;
  readonly token: string;
  /** Where this host is to listen. */
  readonly listen: string;
  readonly ownerPid: number;
  readonly name: string;
  /** Whether log records are told. */
  readonly debug: boolean;
}

/**
 * Connects to the engine and serves it.
 *
 * @param end - ends this thread or process; called once the engine has gone
 */
export async function serveHost(config: HostConfig, end: (error: Error | undefined) => void): Promise<void> {
  listener.wantedAddress = config.listen;
  const address = await listener.address();
  let finish = (): void => undefined;
  const emit: ControlConnection['emit'] = (name, params) => {
    control.emit(name, params);
  };
  const server = new HostServer(config.address, emit, loggerOf(config, emit), () => {
    finish();
  });
  const control: ControlConnection = await ControlConnection.dial(
    config.address,
    helloOf(config.token, 'control'),
    'the engine',
    {
      onRequest: (method, params) => server.handle(method, params),
      onClosed: (error) => {
        void server.end().then(() => {
          end(error);
        });
      },
    },
  );
  const teller = new LineTeller(control);
  const printing = tellLines((line) => {
    teller.tell(line);
  });
  finish = () => {
    printing.finish();
  };
  // Whoever ends it: code of a node may do so in the middle of a line.
  process.once('exit', () => {
    printing.finish();
    teller.writeRest(printing.write);
  });
  control.emit('ready', { address, pid: process.pid, nodeVersion: process.version });
}

function loggerOf({ debug }: HostConfig, emit: ControlConnection['emit']): Logger {
  const at =
    (level: string) =>
    (message: string): void => {
      if (debug) emit('log', { level, logger: 'remotemedia', message });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

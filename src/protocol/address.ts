import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeCause, RemoteMediaError } from '../errors/index.js';

/** Hundreds of runs that begin at once dial before one of them is let in; the system may allow less. */
const BACKLOG = 4096;
const DIAL_TIMEOUT_MS = 10_000;
const RETRY_MS = 5;

/** Longer paths do not fit into a socket's address on every system. */
const MAX_SOCKET_PATH = 100;

/**
 * `unix` where the system has Unix sockets that Node.js and Python share, else `tcp`. The variable `REMOTEMEDIA_TRANSPORT` overrides it.
 */
export function transport(): 'unix' | 'tcp' {
  const wanted = process.env['REMOTEMEDIA_TRANSPORT'];
  if (wanted === 'tcp' || wanted === 'unix') return wanted;
  return process.platform === 'win32' ? 'tcp' : 'unix';
}

let directory: string | undefined;

/** An address at which a process of ours can listen: a socket in a directory that only this user can enter, or any free local port. */
export function freshAddress(name: string): string {
  if (transport() === 'tcp') return 'tcp:127.0.0.1:0';
  directory ??= makeDirectory();
  return `unix:${join(directory, name)}`;
}

/** Where directories for sockets are made: longer paths would not fit into an address. */
function parentDirectory(): string {
  const wanted = tmpdir();
  return wanted.length > MAX_SOCKET_PATH - 50 ? '/tmp' : wanted;
}

/** `mkdtemp` makes directories with mode 0700. Their names tell whose they are. */
function makeDirectory(): string {
  const parent = parentDirectory();
  sweep(parent);
  let made: string;
  try {
    made = mkdtempSync(join(parent, `remotemedia-${String(process.pid)}-`));
  } catch (error) {
    throw new RemoteMediaError(
      'RM_HOST_START',
      `No directory for sockets can be made in ${parent}: ${describeCause(error)}. Let TMPDIR name a folder that can be written.`,
      { cause: error },
    );
  }
  process.once('exit', () => {
    rmSync(made, { recursive: true, force: true });
  });
  const mark = markOfPids();
  if (mark !== undefined) writeFileSync(join(made, mark), '');
  return made;
}

/** Removes the sockets of a process that has ended and could not do so itself. */
export function removeLeftBy(pid: number): void {
  removeDirectories(parentDirectory(), (owner) => owner === pid);
}

/** Removes what programs left that were killed: nothing of theirs runs any more. */
function sweep(parent: string): void {
  const mark = markOfPids();
  removeDirectories(parent, (owner, directory) => {
    if (isAlive(owner)) return false;
    const marks = entriesOf(directory).filter((name) => name.startsWith('pids-'));
    // Another container that shares this folder counts its processes by itself.
    return marks.length === 0 || mark === undefined || marks.includes(mark);
  });
}

/** A file of this name in a directory says which processes its owner's number belongs to; `undefined` where the system does not tell. */
function markOfPids(): string | undefined {
  try {
    return `pids-${/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? ''}`;
  } catch {
    return undefined;
  }
}

function removeDirectories(parent: string, isLeft: (owner: number, directory: string) => boolean): void {
  for (const name of entriesOf(parent)) {
    const owner = /^remotemedia-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || !isLeft(Number(owner), join(parent, name))) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // Another user's: theirs to remove.
    }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Making the directory says what is wrong with it.
    return [];
  }
}

/** Whether there is a process with this id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Connects to an address.
 *
 * @throws RemoteMediaError `RM_PROTOCOL` where nobody listens there
 */
export async function dial(address: string): Promise<Socket> {
  const target = portOrPath(address);
  for (const deadline = performance.now() + DIAL_TIMEOUT_MS; ;) {
    const socket = connect(target);
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('connect', () => {
        resolve(undefined);
      });
      socket.once('error', resolve);
    });
    if (error === undefined) {
      socket.setNoDelay(true);
      return socket;
    }
    // So many dial at once that whoever listens has no room for more; nothing tells when it has.
    if (error.code === 'EAGAIN' && performance.now() < deadline) await sleep(RETRY_MS);
    else {
      throw new RemoteMediaError('RM_PROTOCOL', `${address} cannot be reached: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Listens at an address; gives the one that was really taken. Never keeps the program alive. */
export async function listenAt(
  address: string,
  onSocket: (socket: Socket) => void,
): Promise<{ server: Server; address: string }> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    onSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...portOrPath(address), backlog: BACKLOG }, resolve);
  });
  server.unref();
  const taken = server.address();
  return {
    server,
    address: typeof taken === 'object' && taken !== null ? `tcp:127.0.0.1:${String(taken.port)}` : address,
  };
}

function portOrPath(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^tcp:([\d.]+):(\d+)$/.exec(address);
  if (match === null)
    throw new RemoteMediaError(
      'RM_PROTOCOL',
      `"${address}" is no address: it is unix:<path> or tcp:127.0.0.1:<port>.`,
    );
  return { host: match[1] ?? '', port: Number(match[2]) };
}

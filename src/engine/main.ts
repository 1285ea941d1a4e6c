import { readFileSync } from 'node:fs';
import { RemoteMediaError } from '../errors/index.js';
import { isOwnerGone, readFirstLine, removeLeftBy, watchOwner } from '../protocol/index.js';
import { Engine } from './engine.js';
import type { EngineConfig } from './messages.js';

/** The first line cannot be read, or the driver does not want this engine; see `schema/wire.md`. */
const EXIT_REFUSED = 70;
const OLDEST_NODE_MAJOR = 20;

// Ctrl-C reaches all processes of the terminal, and the driver decides what it means.
process.on('SIGINT', () => undefined);
await main().catch(fail);

async function main(): Promise<void> {
  checkNodeVersion();
  const config = readConfig(await readFirstLine());
  let isEnding = false;
  const end = (engine: Engine, code: number): void => {
    if (isEnding) return;
    isEnding = true;
    void engine.end().then(() => {
      if (isOwnerGone(config.ownerPid)) removeLeftBy(config.ownerPid);
      process.exit(code);
    });
  };
  const engine = await Engine.start(config, (started, error) => {
    const isRefused = error instanceof RemoteMediaError;
    if (isRefused) process.stderr.write(`remotemedia: ${error.message}\n`);
    end(started, isRefused ? EXIT_REFUSED : 0);
  });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      end(engine, 0);
    });
  watchOwner(config.ownerPid, () => {
    end(engine, 0);
  });
}

/** The driver starts whichever Node.js it finds first, and looks for a newer one only when that has failed. */
function checkNodeVersion(): void {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) < OLDEST_NODE_MAJOR)
    throw new Error(
      `the engine needs Node.js ${String(OLDEST_NODE_MAJOR)}, and ${process.execPath} is ${node}.`,
    );
}

function readConfig(line: string): EngineConfig {
  let config: Partial<EngineConfig> | null;
  try {
    config = JSON.parse(line) as Partial<EngineConfig> | null;
  } catch {
    config = null;
  }
  const { address, token, ownerPid, packageVersion } = config ?? {};
  const isWhole =
    typeof address === 'string' &&
    typeof token === 'string' &&
    typeof ownerPid === 'number' &&
    typeof packageVersion === 'string';
  if (!isWhole)
    throw new Error(
      'the engine is started by a driver, with a line of JSON on standard input: {address, token, ownerPid, packageVersion, debug}',
    );
  const own = ownVersion();
  if (release(packageVersion) !== release(own))
    throw new Error(
      `the Python package is version ${packageVersion}, and its engine version ${own}. Install the package again.`,
    );
  return { address, token, ownerPid, packageVersion: own, debug: config?.debug === true };
}

function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Python and npm write the versions of releases alike, but not those before them. */
function release(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}

function fail(error: unknown): never {
  process.stderr.write(`remotemedia: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(EXIT_REFUSED);
}

import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importModule, isModuleFile } from '../catalog/index.js';
import { describeCause, RemoteMediaError } from '../errors/index.js';
import type { Manifest } from '../manifest/index.js';
import { describeType } from '../node/index.js';

/** What `loadPipeline` takes besides the file. */
export interface LoadOptions {
  /** Folder that a relative path starts from. @defaultValue the working directory */
  readonly cwd?: string | undefined;
}

/** What a manifest file holds. */
export interface LoadedManifest {
  readonly manifest: Manifest;
  /** Folder against which relative node types resolve. */
  readonly baseDir: string;
}

/** What a module exports as its pipeline: a `Pipeline`, a list of nodes, or a manifest. */
export interface LoadedModule {
  readonly pipeline: unknown;
  /** Folder against which relative node types resolve. */
  readonly baseDir: string;
}

/** What {@link loadPipelineFile} gives. */
export type LoadedFile = LoadedManifest | LoadedModule;

const MANIFEST_FILE = /\.(json|ya?ml)$/i;

/**
 * Loads a pipeline from a file: a manifest (`.json`, `.yaml`, `.yml`) or a module (`.js`, `.mjs`, `.cjs`, `.ts`, `.mts`, `.cts`)
 * whose default export, or export named `pipeline`, is a pipeline or a function that gives one. A module's code runs.
 *
 * @throws ManifestError `RM_INVALID_MANIFEST` where a manifest cannot be read or breaks its schema.
 * @throws RemoteMediaError `RM_MODULE` where there is no such file, or no pipeline in it; `RM_TSX_NOT_FOUND` where a TypeScript file
 * meets a project without `tsx`.
 */
export async function loadPipelineFile(file: string | URL, options: LoadOptions = {}): Promise<LoadedFile> {
  const path = resolve(options.cwd ?? '.', file instanceof URL ? fileURLToPath(file) : file);
  const baseDir = dirname(path);
  if (MANIFEST_FILE.test(path)) return { manifest: await loadManifest(path), baseDir };
  if (isModuleFile(path)) return { pipeline: await pipelineOf(await importModule(path), path), baseDir };
  throw new RemoteMediaError(
    'RM_MODULE',
    `Cannot load ${basename(path)}: a pipeline is a manifest (.json, .yaml, .yml) or a module (.js, .mjs, .cjs, .ts, .mts, .cts), ` +
      `got ${extname(path) === '' ? 'a name without extension' : extname(path)}.`,
  );
}

async function loadManifest(path: string): Promise<Manifest> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = isMissing ? 'there is no such file' : describeCause(cause);
    throw new RemoteMediaError('RM_MODULE', `Cannot load ${path}: ${reason}.`, { cause });
  });
  const { parseManifest } = await import('../manifest/index.js');
  return parseManifest(text, basename(path));
}

async function pipelineOf(module: Readonly<Record<string, unknown>>, path: string): Promise<unknown> {
  const exported = module['pipeline'] ?? defaultExport(module);
  const pipeline: unknown = isFactory(exported) ? await exported() : exported;
  if (typeof pipeline === 'object' && pipeline !== null) return pipeline;
  const found =
    exported === undefined
      ? 'neither a default export nor one named "pipeline"'
      : `${describeType(pipeline)}${isFactory(exported) ? ' (what the exported function gave)' : ''}`;
  throw new RemoteMediaError(
    'RM_MODULE',
    `${basename(path)} exports no pipeline: found ${found}. Export a Pipeline, a list of nodes, or a function that gives one, as default or named "pipeline".`,
  );
}

/** CommonJS modules compiled from TypeScript hold their default export one level down. */
function defaultExport(module: Readonly<Record<string, unknown>>): unknown {
  const value = module['default'];
  if (typeof value !== 'object' || value === null || !('__esModule' in value || 'default' in value))
    return value;
  const inner = value as Readonly<Record<string, unknown>>;
  return inner['pipeline'] ?? inner['default'];
}

function isFactory(value: unknown): value is () => unknown {
  return typeof value === 'function' && !describeType(value).startsWith('class ');
}

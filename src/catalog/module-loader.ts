import { readFileSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeCause, RemoteMediaError } from '../errors/index.js';

const MODULE_FILE = /\.[cm]?[jt]s$/i;
const TYPESCRIPT_FILE = /\.[cm]?ts$/i;

/** Whether a path names a module that {@link importModule} can load. */
export function isModuleFile(path: string): boolean {
  return MODULE_FILE.test(path);
}

/**
 * Imports a JavaScript or TypeScript module by its absolute path. TypeScript goes through the `tsx` of the module's own project, or the one
 * of the working directory; where there is none, through Node.js itself if it strips types.
 *
 * Where the module's project has not installed this package, as that of a Python program, its name stands for this very copy.
 *
 * With `tsx` the module gets copies of its own of all that it imports, this package included: what it exports is to be judged by what it
 * can do, not by `instanceof`.
 *
 * @throws RemoteMediaError `RM_MODULE` with the `cause`, `RM_TSX_NOT_FOUND` where a TypeScript file meets neither.
 */
export async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new RemoteMediaError('RM_MODULE', `Cannot load ${path}: there is no such file.`);
  }
  if (!findsThisPackage(path)) nameThisPackage();
  const importer = TYPESCRIPT_FILE.test(path) ? await typescriptImporter(path) : nativeImport;
  try {
    return await importer(pathToFileURL(path).href);
  } catch (cause) {
    throw new RemoteMediaError('RM_MODULE', `Cannot load ${basename(path)}: ${describeCause(cause)}`, {
      cause,
    });
  }
}

function findsThisPackage(path: string): boolean {
  try {
    createRequire(path).resolve('remotemedia/package.json');
    return true;
  } catch {
    return false;
  }
}

let isNamed = false;

/** Before the import: what has failed once, Node.js does not look for again. */
function nameThisPackage(): void {
  // Node.js has it from 20.6 on.
  const { register } = nodeModule as { readonly register?: typeof nodeModule.register };
  if (isNamed || register === undefined) return;
  isNamed = true;
  register('./own-name.js', import.meta.url);
}

/** `tsx` would make new copies each time; a module is one, as it is for Node.js itself. */
const typescriptModules = new Map<string, Promise<Readonly<Record<string, unknown>>>>();

type Importer = (url: string) => Promise<Readonly<Record<string, unknown>>>;

const nativeImport: Importer = async (url) => (await import(url)) as Record<string, unknown>;

async function typescriptImporter(path: string): Promise<Importer> {
  const api = findTsx(dirname(path)) ?? findTsx(process.cwd());
  if (api !== undefined) {
    const { tsImport } = (await import(pathToFileURL(api).href)) as {
      tsImport: (url: string, parent: string) => Promise<Record<string, unknown>>;
    };
    return (url) => {
      const known = typescriptModules.get(url);
      if (known !== undefined) return known;
      const loading = tsImport(url, url);
      typescriptModules.set(url, loading);
      // What failed may be corrected.
      loading.catch(() => typescriptModules.delete(url));
      return loading;
    };
  }
  if (stripsTypes()) return nativeImport;
  throw new RemoteMediaError(
    'RM_TSX_NOT_FOUND',
    `Cannot load ${basename(path)}: TypeScript files are loaded by the project's own tsx, which is not installed. Run: npm install --save-dev tsx. Node.js 22.18 and newer need none.`,
  );
}

/** The file of `tsx/esm/api` for `import`, as seen from a folder; `require.resolve` would give the one for `require`. */
export function findTsx(folder: string): string | undefined {
  let packageFile: string;
  try {
    packageFile = createRequire(join(folder, 'index.js')).resolve('tsx/package.json');
  } catch {
    return undefined;
  }
  const { exports } = JSON.parse(readFileSync(packageFile, 'utf8')) as {
    exports?: Record<string, { import?: { default?: string } } | undefined>;
  };
  const file = exports?.['./esm/api']?.import?.default;
  return file === undefined ? undefined : join(dirname(packageFile), file);
}

/** Whether this Node.js runs TypeScript files by itself. */
export function stripsTypes(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript);
}

import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kind } from './format.js';

const require = createRequire(import.meta.url);

/** A value that belongs to a file: what `require`, `import.meta` and `import()` are in it. */
export interface Special {
  readonly kind: typeof Kind.Require | typeof Kind.ImportMeta | typeof Kind.ImportFunction;
  readonly url: string;
}

const specials = new WeakMap<object, Special>();
const made = new Map<string, object>();

/** What a value is in its file, if it is such a value. */
export function specialOf(value: object): Special | undefined {
  return specials.get(value);
}

/** Remembers a `require` function of a file. */
export function noteRequire(value: object, url: string): void {
  if (!specials.has(value)) specials.set(value, { kind: Kind.Require, url });
}

/** Whether a value is the `require` of some file. */
export function isRequire(value: unknown): value is object {
  return (
    typeof value === 'function' &&
    Object.getOwnPropertyDescriptor(value, 'cache')?.value === require.cache &&
    typeof Object.getOwnPropertyDescriptor(value, 'resolve')?.value === 'function'
  );
}

/** Makes such a value for a file; one for each file. */
export function makeSpecial(special: Special): object {
  const key = `${special.kind} ${special.url}`;
  let value = made.get(key);
  if (value === undefined) {
    value = create(special);
    specials.set(value, special);
    made.set(key, value);
  }
  return value;
}

function create({ kind, url }: Special): object {
  if (kind === Kind.Require) return createRequire(url);
  if (kind === Kind.ImportFunction)
    return (specifier: string): Promise<unknown> => import(resolve(specifier, url));
  const isFile = url.startsWith('file:');
  const filename = isFile ? fileURLToPath(url) : undefined;
  return Object.assign(Object.create(null) as object, {
    url,
    ...(filename === undefined ? {} : { filename, dirname: dirname(filename) }),
    resolve: (specifier: string): string => resolve(specifier, url),
  });
}

/** As `import.meta.resolve` of the file does, as far as `require` knows: conditions of packages are those of `require`. */
function resolve(specifier: string, url: string): string {
  if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, url).href;
  if (URL.canParse(specifier)) return specifier;
  const found = createRequire(url).resolve(specifier);
  return found.startsWith('/') || /^[a-z]:\\/i.test(found) ? new URL(`file://${found}`).href : found;
}

import { placeOfBuiltin, type GlobalPlace } from './globals.js';
import { inspectFunction, inspectorFailure, type FunctionInsight } from './inspector.js';
import { canLookInto, importableUrl, isEntryScript, placeOfExport, type ExportPlace } from './modules.js';

/** How a function or class can be carried. */
export type FunctionPlace =
  | { readonly how: 'global'; readonly place: GlobalPlace }
  | { readonly how: 'export'; readonly place: ExportPlace }
  /** No import gives it. */
  | { readonly how: 'value'; readonly url: string }
  /** A module must be looked into first. */
  | { readonly how: 'pending'; readonly module: string }
  /** Code of Node.js itself that it exports nowhere, or native code. */
  | { readonly how: 'internal'; readonly url: string }
  /** Nothing can be said without the inspector. */
  | { readonly how: 'unseen'; readonly failure: Error };

const settled = new WeakMap<object, FunctionPlace>();

/** Finds out how a function or class can be carried. */
export function placeOfFunction(fn: object): FunctionPlace {
  const known = settled.get(fn);
  // A class that went by value may have been registered since.
  if (known !== undefined && known.how !== 'value') return known;
  const exported = placeOfExport(fn);
  if (exported !== undefined && (exported.isOfObject !== true || isOfModuleAlone(fn)))
    return settle(fn, { how: 'export', place: exported });
  if (known !== undefined) return known;
  const place = placeOfBuiltin(fn);
  if (place !== undefined) return settle(fn, { how: 'global', place });
  const failure = inspectorFailure();
  if (failure !== undefined) return { how: 'unseen', failure };
  return placeByInspector(fn);
}

function placeByInspector(fn: object): FunctionPlace {
  const { location, scopes, bound } = inspectFunction(fn);
  if (bound !== undefined) return settle(fn, { how: 'value', url: '' });
  if (location === undefined) return settle(fn, { how: 'internal', url: '' });
  if (location.url.startsWith('node:')) return settle(fn, { how: 'internal', url: location.url });
  const module = importableUrl(location.url);
  if (module !== undefined && isOfModule(scopes) && !isEntryScript(module) && canLookInto(module))
    return { how: 'pending', module };
  return settle(fn, { how: 'value', url: location.url });
}

/** It captured nothing but variables of its module: no state of its own that the function of the other side would lack. */
function isOfModuleAlone(fn: object): boolean {
  if (inspectorFailure() !== undefined) return false;
  return inspectFunction(fn).scopes.every(({ description }) => description === 'Module');
}

/** Code that a test runner or a bundler evaluated under the name of a file is not what an import of the file gives. */
function isOfModule(scopes: FunctionInsight['scopes']): boolean {
  return (
    scopes.at(-1)?.description === 'Module' || scopes.some(({ description }) => description === 'Module')
  );
}

function settle(fn: object, place: FunctionPlace): FunctionPlace {
  settled.set(fn, place);
  return place;
}

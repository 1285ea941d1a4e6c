/** What vitest calls the imports of a test file. */
const VITEST_IMPORT = /captured variable "__(?:vite_ssr|vi)_import_/;

/** Whether a bundler has put this package into a file of the program. Its classes are then those of the program, and it has no files of its own. */
export function isBundled(): boolean {
  return !/\/(?:dist|src)\/serialization\/loading-hints\.[jt]s$/.test(import.meta.url);
}

/** What to do about it. */
export const LEAVE_OUT =
  'mark remotemedia as external in the bundler (esbuild: --external:remotemedia), and install it beside the bundle';

/** What a refusal at a path may come from: how the program was loaded. */
export function hintFor(path: string): string {
  if (VITEST_IMPORT.test(path))
    return ' Under vitest, imports of a test file are proxies: put the code that uses them into a module of its own that vitest leaves alone (`server.deps.external`).';
  if (isBundled() && path.includes('captured variable'))
    return ` If it is a part of remotemedia: ${LEAVE_OUT}.`;
  return '';
}

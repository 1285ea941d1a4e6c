import type { ResolveHook } from 'node:module';

/** A hook for `import`: where a project has not installed this package, its name stands for this copy. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!/^remotemedia(\/|$)/.test(specifier)) throw error;
    // A package knows itself by its own name.
    return nextResolve(specifier, { ...context, parentURL: import.meta.url });
  }
};

/** The versions of Node.js that are there, besides the one that runs. */
export function nodeVersions(): { readonly version: string; readonly path: string }[];

const FILE_NAME = /\.(json|ya?ml|[cm]?[jt]s)$/i;

/**
 * What is wrong with a string given as a manifest where it is the path of one, or `undefined` where it may be a manifest's text.
 * Reading the file is never guessed: a path may come from anywhere.
 *
 * @param howToLoad - how the caller's language loads the manifest of a path, which is given quoted
 */
export function manifestProblemWithString(
  text: string,
  howToLoad: (path: string) => string = (path) => `Load it with loadPipeline(${path}).`,
): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return 'An empty string is no manifest.';
  const isOneLine = !/[\n{[]/.test(trimmed);
  const isPath = isOneLine && (FILE_NAME.test(trimmed) || (/[/\\]/.test(trimmed) && !/:\s/.test(trimmed)));
  if (!isPath) return undefined;
  return `"${trimmed}" looks like a path, not like the text of a manifest. ${howToLoad(JSON.stringify(trimmed))}`;
}

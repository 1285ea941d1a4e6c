import { LineCounter, parseDocument, type Document, type Node as YamlNode } from 'yaml';
import { ManifestError } from '../errors/index.js';
import type { Manifest } from './manifest.js';
import type { Problem } from './problems.js';
import { checkManifest, invalidManifest } from './validate.js';

/**
 * Reads and validates a manifest written as JSON or YAML.
 *
 * @param sourceName - where the text comes from, for error messages; a name that ends in `.json` takes JSON only.
 * @throws ManifestError `RM_INVALID_MANIFEST` with line and column of everything that is wrong.
 */
export function parseManifest(text: string, sourceName?: string): Manifest {
  const checked = checkManifest(parseText(text, sourceName));
  if ('manifest' in checked) return checked.manifest;
  throw invalidManifest(withPlaces(checked.problems, text), sourceName);
}

function parseText(text: string, sourceName: string | undefined): unknown {
  const isJsonFile = sourceName?.endsWith('.json') ?? false;
  const looksLikeJson = /^\s*[[{]/.test(text);
  if (!isJsonFile && !looksLikeJson) return parseYaml(text, sourceName);
  try {
    return JSON.parse(withoutByteOrderMark(text));
  } catch (error) {
    // YAML may begin with a brace as well.
    const document = isJsonFile ? undefined : readYaml(text).document;
    if (document?.errors.length === 0) return document.toJS();
    throw unreadable(describeJsonError(error as SyntaxError, text), 'JSON', sourceName, error);
  }
}

function parseYaml(text: string, sourceName: string | undefined): unknown {
  const { document, lines } = readYaml(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw unreadable(`${firstLine(error.message)} (${place(line, col)})`, 'YAML', sourceName, error);
  }
  try {
    return document.toJS();
  } catch (cause) {
    // Aliases that unfold to more than the parser allows.
    throw unreadable((cause as Error).message, 'YAML', sourceName, cause);
  }
}

function readYaml(text: string): { document: Document.Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  return { document, lines };
}

function unreadable(
  problem: string,
  format: string,
  sourceName: string | undefined,
  cause: unknown,
): ManifestError {
  const what = sourceName === undefined ? 'manifest' : `manifest ${sourceName}`;
  return new ManifestError(`Invalid ${what}: not readable as ${format}: ${problem}.`, '', { cause });
}

/** What `JSON.parse` says, with line and column. */
function describeJsonError(error: SyntaxError, text: string): string {
  const json = withoutByteOrderMark(text);
  const message = error.message.replace(/( in JSON)? at position .*$/, '').replace(/, (\.\.\.)?".*$/s, '');
  const before = json.slice(0, jsonErrorOffset(error, json));
  const line = before.split('\n').length;
  return `${message} (${place(line, before.length - before.lastIndexOf('\n'))})`;
}

/**
 * Where JSON breaks. Node.js says so in some of its messages only; for the others: the shortest beginning of the text that fails for
 * another reason than that it ends too early.
 */
function jsonErrorOffset(error: SyntaxError, json: string): number {
  const position = jsonErrorPosition(error);
  if (position !== undefined) return position;
  let tooShort = 0;
  let broken = json.length + 1;
  while (broken - tooShort > 1) {
    const length = Math.floor((tooShort + broken) / 2);
    if (length <= json.length && isBroken(json.slice(0, length))) broken = length;
    else tooShort = length;
  }
  return broken - 1;
}

function isBroken(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return false;
  } catch (error) {
    const { message } = error as SyntaxError;
    if (/unexpected end|unterminated/i.test(message)) return false;
    return (jsonErrorPosition(error as SyntaxError) ?? 0) < beginning.length;
  }
}

function jsonErrorPosition(error: SyntaxError): number | undefined {
  const position = /at position (\d+)/.exec(error.message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** Adds line and column: YAML reads JSON as well, so one parser finds the places in both. */
function withPlaces(problems: readonly Problem[], text: string): Problem[] {
  const { document, lines } = readYaml(text);
  return problems.map((problem) => {
    const offset = offsetOf(document, problem.path);
    if (offset === undefined) return problem;
    const { line, col } = lines.linePos(offset);
    return { ...problem, place: place(line, col) };
  });
}

/** Where the value at a path begins; where it is missing, where what should hold it begins. */
function offsetOf(document: Document.Parsed, path: Problem['path']): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = (length === 0 ? document.contents : document.getIn(path.slice(0, length), true)) as
      YamlNode | null | undefined;
    const range = node?.range ?? undefined;
    if (range !== undefined) return range[0];
  }
  return undefined;
}

function place(line: number, column: number): string {
  return `line ${line}, column ${column}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function withoutByteOrderMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}

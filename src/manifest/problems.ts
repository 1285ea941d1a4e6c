import { closestMatch } from 'leven';
import { ManifestError, type ErrorCode } from '../errors/index.js';
import { describeType } from '../node/index.js';
import type { SchemaIssue } from './schema.js';

/** Keys of a value, from the outside in. */
export type KeyPath = readonly (string | number)[];

/** One thing that is wrong, and where. */
export interface Problem {
  readonly path: KeyPath;
  /** What is wrong, without the path: `must be a number, got "x" (string)`. */
  readonly text: string;
  /** Line and column in the text that was read, where there is one. */
  readonly place?: string | undefined;
}

/** One error for all problems; a single one stays on one line. */
export function manifestError(
  what: string,
  problems: readonly Problem[],
  details: { code?: ErrorCode } = {},
): ManifestError {
  const lines = problems.map(
    ({ path, text, place }) =>
      `${[formatPath(path), text].filter(Boolean).join(' ')}${place === undefined ? '' : ` (${place})`}`,
  );
  const [first = ''] = lines;
  const message =
    lines.length === 1
      ? `Invalid ${what}: ${first}.`
      : `Invalid ${what}, ${lines.length} problems:\n${lines.map((line) => `  ${line}.`).join('\n')}`;
  return new ManifestError(message, formatPath(problems[0]?.path ?? []), details);
}

/** Keys as a path: `nodes[2].params.operand`. */
export function formatPath(path: KeyPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    if (!/^[\w$-]+$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
}

/** A path as keys; the inverse of {@link formatPath}. */
export function parsePath(path: string): KeyPath {
  return [...path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([\w$-]+)/g)].map(([, index, quoted, name]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (name ?? '') : (JSON.parse(quoted) as string);
  });
}

/** Words that people write where a manifest has another one. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  type: 'node_type',
  class: 'node_type',
  parameters: 'params',
  options: 'params',
  args: 'params',
  name: 'id',
  source: 'from',
  target: 'to',
  edges: 'connections',
  streaming: 'is_streaming',
};

/** ` (did you mean "params"?)`, or nothing where no known name is near. */
export function didYouMean(given: string, known: readonly string[]): string {
  const other = OTHER_NAMES[given];
  const near =
    other !== undefined && known.includes(other)
      ? other
      : closestMatch(given, known, { maxDistance: Math.max(1, Math.floor(given.length / 3)) });
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** As {@link didYouMean}, for node types: they are known with and without the `Node` suffix. */
export function didYouMeanType(given: string, known: readonly string[]): string {
  return didYouMean(given, [...known, ...known.map((type) => type.replace(/(?<=.)Node$/, ''))]);
}

/**
 * What a schema found wrong, in our words.
 *
 * @param value - what the schema read, to quote from.
 * @param base - where `value` lies.
 * @param knownKeys - the keys of the object at a path inside `value`, for "did you mean".
 */
export function problemsOf(
  issues: readonly SchemaIssue[],
  value: unknown,
  base: KeyPath,
  knownKeys: (path: KeyPath) => readonly string[],
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const inner = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
    const path = [...base, ...inner];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...path, key],
        text: `is not known here${didYouMean(key, knownKeys(inner))}`,
      }));
    }
    const given = valueAt(value, inner);
    const nested = issue.code === 'invalid_union' ? nearestBranch(issue.errors) : undefined;
    if (nested !== undefined)
      return problemsOf(nested, given, path, (deeper) => knownKeys([...inner, ...deeper]));
    if (given === undefined && issue.code !== 'custom') return [{ path, text: 'is missing' }];
    return [{ path, text: `must ${requirement(issue)}, got ${quote(given)}` }];
  });
}

/** Of a union, the alternative that fits the value itself and only fails further inside. */
function nearestBranch(branches: readonly (readonly SchemaIssue[])[]): readonly SchemaIssue[] | undefined {
  return branches.find((issues) => issues.length > 0 && issues.every((issue) => issue.path.length > 0));
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'an array',
  tuple: 'an array',
  null: 'null',
};

/** What a value must do to please the schema: `be a number`. */
function requirement(issue: SchemaIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `be ${issue.values.map((allowed) => JSON.stringify(allowed)).join(' or ')}`;
    case 'invalid_union':
      return unionRequirement(issue.errors);
    case 'too_small':
    case 'too_big':
      return sizeRequirement(issue);
    case 'not_multiple_of':
      return `be a multiple of ${String(issue.divisor)}`;
    case 'invalid_format':
      return issue.pattern === undefined ? `be a valid ${issue.format}` : `match ${issue.pattern}`;
    default:
      return `be valid (${issue.message})`;
  }
}

function unionRequirement(branches: readonly (readonly SchemaIssue[])[]): string {
  const alternatives = branches.flatMap((issues) => issues.slice(0, 1).map(requirement));
  if (alternatives.length === 0) return 'fit one alternative only';
  return [...new Set(alternatives)].join(' or ').replaceAll(' or be ', ' or ');
}

function sizeRequirement(issue: Extract<SchemaIssue, { code: 'too_small' | 'too_big' }>): string {
  const isMinimum = issue.code === 'too_small';
  const limit = String(isMinimum ? issue.minimum : issue.maximum);
  switch (issue.origin) {
    case 'string':
      return isMinimum && limit === '1'
        ? 'not be empty'
        : `have at ${isMinimum ? 'least' : 'most'} ${limit} characters`;
    case 'array':
      return `have at ${isMinimum ? 'least' : 'most'} ${limit} elements`;
    default:
      if (issue.inclusive === false) return `be ${isMinimum ? 'more' : 'less'} than ${limit}`;
      return `be at ${isMinimum ? 'least' : 'most'} ${limit}`;
  }
}

const LONGEST_QUOTE = 60;

/** A value as an error message shows it: `"x" (string)`, `5 (number)`, `an array`. */
export function quote(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return `${JSON.stringify(value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value)} (string)`;
    case 'number':
    case 'bigint':
    case 'boolean':
      return `${String(value)} (${typeof value})`;
    default: {
      const type = describeType(value);
      return type === 'Object' || type === 'object' ? 'an object' : `a ${type}`;
    }
  }
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string | number, unknown>)[key]
        : undefined,
    value,
  );
}

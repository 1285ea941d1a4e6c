/** A scope as it is to be made again. */
export interface ScopeRecord {
  /** Position of the scope around it, or -1 for the outermost of a file. */
  readonly parent: number;
  /** The file; of the outermost. */
  readonly url: string;
  readonly names: readonly string[];
}

/** A function's text in its scope. */
export interface FunctionText {
  readonly scope: number;
  readonly code: string;
  readonly isStrict: boolean;
  readonly isMethod: boolean;
}

type Setter = (value: unknown) => void;
type Maker = (this: unknown) => unknown;

/** What the code of scopes gives: setters of variables and makers of functions, in the order in which they were asked for. */
export interface Linked {
  /** By scope, then by variable. */
  readonly setters: (readonly Setter[])[];
  /** By position in the list of functions. */
  readonly makers: Maker[];
}

type Evaluated = readonly [readonly Setter[], readonly Maker[], readonly Evaluated[]];

const CACHE_LIMIT = 1000;
const cache = new Map<string, () => Evaluated>();
/** `eval` under another name evaluates in the global scope. */
const evaluate = globalThis.eval;

/**
 * Makes scopes again as nested functions, whose variables are real variables: functions in them share what they shared, and need no change
 * to their texts. Values are set afterwards, so cycles are no problem.
 */
export function linkScopes(scopes: readonly ScopeRecord[], functions: readonly FunctionText[]): Linked {
  const children = groupBy(scopes, ({ parent }) => parent);
  const members = groupBy(functions, ({ scope }) => scope);
  const linked: Linked = { setters: [], makers: [] };
  const collect = (scope: number, [setters, makers, inner]: Evaluated): void => {
    linked.setters[scope] = setters;
    (members.get(scope) ?? []).forEach((position, index) => {
      linked.makers[position] = makers[index] as Maker;
    });
    (children.get(scope) ?? []).forEach((child, index) => {
      collect(child, inner[index] as Evaluated);
    });
  };
  const codeOf = (scope: number): string => {
    const { names } = scopes[scope] as ScopeRecord;
    const texts = (members.get(scope) ?? []).map((position) =>
      makerCode(functions[position] as FunctionText),
    );
    const inner = (children.get(scope) ?? []).map(codeOf);
    const declarations = names.length === 0 ? '' : `let ${names.join(', ')};\n`;
    const setters = names.map((name) => `function () { ${name} = arguments[0]; }`);
    return `(function () {\n${declarations}return [[${setters.join(', ')}], [${texts.join(',\n')}], [${inner.join(',\n')}]];\n})()`;
  };
  for (const root of children.get(-1) ?? [])
    collect(root, run(codeOf(root), (scopes[root] as ScopeRecord).url));
  return linked;
}

/** Called with the lexical `this` of an arrow. A method's text gives the object around it. */
function makerCode({ code, isStrict, isMethod }: FunctionText): string {
  // A line of its own, as a text may end in a comment.
  const expression = isMethod ? `({${code}\n})` : `(${code}\n)`;
  return `function () { ${isStrict ? '"use strict"; ' : ''}return ${expression}; }`;
}

function run(code: string, url: string): Evaluated {
  // Stack traces name the file that the functions came from.
  const source = `(() => ${code})${url === '' ? '' : `\n//# sourceURL=${url.replace(/\s/g, '%20')}`}`;
  let factory = cache.get(source);
  if (factory === undefined) {
    factory = evaluate(source) as () => Evaluated;
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(source, factory);
  }
  return factory();
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  items.forEach((item, position) => {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [position]);
    else group.push(position);
  });
  return groups;
}

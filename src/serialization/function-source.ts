import { findSurroundings, type Surroundings } from './free-variables.js';
import { applyEdits, parseExpression, type Edit, type SyntaxNode } from './syntax.js';

/** A function's text, and what can be told from it alone. */
export interface FunctionSource extends Surroundings {
  readonly kind: 'function' | 'arrow' | 'method' | 'class';
  /** What is evaluated on the other side: an expression, or for a method the members of an object literal. */
  readonly code: string;
  /** It says itself that it is strict, or can only be strict, as classes are. */
  readonly isStrict: boolean;
  /** It can only be sloppy code. */
  readonly isSloppy: boolean;
  /** What its property `length` is. */
  readonly length: number;
  /** For a class. */
  readonly members: ClassMembers | undefined;
}

/** What stands in the body of a class. */
export interface ClassMembers {
  /**
   * Texts of methods and accessors, as `toString` of each gives them: by their names, static ones with `static ` before them. Those
   * with computed keys stand under the name `[]`.
   */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  /** Private names that an instance holds. */
  readonly privateNames: readonly string[];
  /** Private static fields: their values are the class's hidden state. */
  readonly staticPrivateNames: readonly string[];
  /** The text of a key that is computed by more than a name, where there is one. */
  readonly oddKey: string | undefined;
  /** Names that computed keys begin with: they are read when the class is made, and by nothing later. */
  readonly keyNames: readonly string[];
  /** `extends` anything but null. */
  readonly isDerived: boolean;
}

const NATIVE = /\{\s*\[native code\]\s*\}$/;
const CACHE_LIMIT = 10_000;
const cache = new Map<string, FunctionSource | 'native' | 'unreadable'>();

/** Parses a function's text; `native` for code that is none, `unreadable` for such as a private method, which stands alone nowhere. */
export function readFunctionSource(fn: object): FunctionSource | 'native' | 'unreadable' {
  const text = Function.prototype.toString.call(fn);
  let source = cache.get(text);
  if (source === undefined) {
    source = NATIVE.test(text) ? 'native' : parse(text);
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(text, source);
  }
  return source;
}

function parse(text: string): FunctionSource | 'unreadable' {
  const asExpression = parseExpression(`(${text})`);
  if (asExpression !== undefined) {
    const { root, isSloppy } = asExpression;
    if (root.type === 'ClassExpression') return readClass(root, text);
    if (root.type === 'ArrowFunctionExpression') return readPlain(root, text, 'arrow', isSloppy);
    return root.type === 'FunctionExpression' ? readPlain(root, text, 'function', isSloppy) : 'unreadable';
  }
  const asMethod = parseExpression(`({${text}})`);
  const property = (asMethod?.root['properties'] as SyntaxNode[] | undefined)?.[0];
  if (asMethod === undefined || property === undefined) return 'unreadable';
  return readMethod(property, text, asMethod.isSloppy);
}

function readPlain(
  root: SyntaxNode,
  text: string,
  kind: 'function' | 'arrow',
  isSloppy: boolean,
): FunctionSource {
  const surroundings = findSurroundings(root, isSloppy, new Set());
  const code = applyEdits(
    text,
    surroundings.edits.map((edit) => shift(edit, 1)),
  );
  const isStrict = saysUseStrict(root);
  const length = lengthOf(root['params'] as SyntaxNode[]);
  return { ...pick(surroundings), kind, code, isStrict, isSloppy, length, members: undefined };
}

/** Parameters before the first that has a default value or takes the rest. */
function lengthOf(params: readonly SyntaxNode[]): number {
  const index = params.findIndex(({ type }) => type === 'AssignmentPattern' || type === 'RestElement');
  return index === -1 ? params.length : index;
}

function readMethod(property: SyntaxNode, text: string, isSloppy: boolean): FunctionSource {
  const value = property['value'] as SyntaxNode;
  const surroundings = findSurroundings(value, isSloppy, new Set());
  const edits = surroundings.edits.map((edit) => shift(edit, 2));
  const key = property['key'] as SyntaxNode;
  // The key has been computed once and is not computed again.
  if (property['computed'] === true) edits.push({ start: key.start - 2, end: key.end - 2, text: '"method"' });
  const uses = new Set(surroundings.uses);
  if (usesSuper(value)) uses.add('super');
  const isStrict = saysUseStrict(value);
  const code = applyEdits(text, edits);
  const length = lengthOf(value['params'] as SyntaxNode[]);
  return {
    ...pick(surroundings),
    uses,
    kind: 'method',
    code,
    isStrict,
    isSloppy,
    length,
    members: undefined,
  };
}

/**
 * Static fields and blocks are left out: they have run, and their outcome goes along as properties. What the class extends becomes a
 * placeholder, as prototypes are linked afterwards.
 */
function readClass(root: SyntaxNode, text: string): FunctionSource {
  const body = (root['body'] as SyntaxNode)['body'] as SyntaxNode[];
  const left = body.filter(
    (member) =>
      member.type === 'StaticBlock' || (member['static'] === true && member.type === 'PropertyDefinition'),
  );
  const edits: Edit[] = left.map(({ start, end }) => ({ start, end, text: ';' }));
  const heritage = root['superClass'] as SyntaxNode | null;
  const isDerived = heritage !== null && heritage['value'] !== null;
  if (heritage !== null && isDerived)
    edits.push({ start: heritage.start, end: heritage.end, text: '(class {})' });
  const skipped = new Set([...left, ...(heritage === null ? [] : [heritage])]);
  const surroundings = findSurroundings(root, false, skipped);
  edits.push(...surroundings.edits);
  return {
    ...pick(surroundings),
    kind: 'class',
    code: applyEdits(
      text,
      edits.map((edit) => shift(edit, 1)),
    ),
    isStrict: true,
    isSloppy: false,
    length: constructorLength(body),
    members: { ...readMembers(body, text), isDerived },
  };
}

function constructorLength(body: readonly SyntaxNode[]): number {
  const constructor = body.find((member) => member['kind'] === 'constructor')?.['value'] as
    SyntaxNode | undefined;
  return constructor === undefined ? 0 : lengthOf(constructor['params'] as SyntaxNode[]);
}

function readMembers(body: readonly SyntaxNode[], text: string): Omit<ClassMembers, 'isDerived'> {
  const texts = new Map<string, string[]>();
  const privateNames: string[] = [];
  const staticPrivateNames: string[] = [];
  let oddKey: string | undefined;
  const keyNames: string[] = [];
  for (const member of body) {
    if (member.type === 'StaticBlock') continue;
    const key = member['key'] as SyntaxNode;
    const isStatic = member['static'] === true;
    if (key.type === 'PrivateIdentifier') {
      const name = `#${key['name'] as string}`;
      if (!isStatic) privateNames.push(name);
      else if (member.type === 'PropertyDefinition') staticPrivateNames.push(name);
    } else if (member.type === 'MethodDefinition') {
      const name = `${isStatic ? 'static ' : ''}${String(key['name'] ?? key['value'])}`;
      const own = text.slice(member.start - 1, member.end - 1).replace(/^static\s+/, '');
      const under = member['computed'] === true ? '[]' : name;
      texts.set(under, [...(texts.get(under) ?? []), own]);
    }
    const isLeftOut = isStatic && member.type === 'PropertyDefinition';
    if (member['computed'] !== true || isLeftOut) continue;
    if (isPlainKey(key)) keyNames.push(...firstNames(key));
    else oddKey ??= text.slice(key.start - 1, key.end - 1);
  }
  return { texts, privateNames: [...new Set(privateNames)], staticPrivateNames, oddKey, keyNames };
}

/** The variable that a plain key reads. */
function firstNames(key: SyntaxNode): string[] {
  if (key.type === 'Identifier') return [key['name'] as string];
  const inner = key['object'] ?? key['callee'];
  return inner === undefined ? [] : firstNames(inner as SyntaxNode);
}

/** A key that gives the same when it is computed again, and has no effects. */
function isPlainKey(key: SyntaxNode): boolean {
  if (key.type === 'CallExpression') return isRegisteredSymbol(key);
  if (key.type === 'MemberExpression')
    return key['computed'] !== true && isPlainKey(key['object'] as SyntaxNode);
  return key.type === 'Identifier' || key.type === 'Literal';
}

function saysUseStrict(node: SyntaxNode): boolean {
  const body = node['body'] as SyntaxNode;
  if (body.type !== 'BlockStatement') return false;
  return (body['body'] as SyntaxNode[]).some((statement) => statement['directive'] === 'use strict');
}

/** `Symbol.for('…')`. */
function isRegisteredSymbol({ callee, arguments: args }: SyntaxNode): boolean {
  const { object, property } = callee as { object?: SyntaxNode; property?: SyntaxNode };
  return (
    object?.['name'] === 'Symbol' &&
    property?.['name'] === 'for' &&
    (args as SyntaxNode[]).every(({ type }) => type === 'Literal')
  );
}

/** `super` of a method is found by the object that it was written in, which nothing shows. */
function usesSuper(method: SyntaxNode): boolean {
  return findSurroundings(method['body'] as SyntaxNode, false, new Set()).uses.has('super');
}

function pick({ free, assigned, uses, edits }: Surroundings): Surroundings {
  return { free, assigned, uses, edits };
}

/** The parser saw the text behind a bracket or two. */
function shift({ start, end, text }: Edit, by: number): Edit {
  return { start: start - by, end: end - by, text };
}

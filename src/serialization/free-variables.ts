import { childrenOf, isSyntaxNode, type Edit, type SyntaxNode } from './syntax.js';

/** What `import.meta` and `import()` are called in a text that is no module any more. */
export const IMPORT_META = '__remotemedia_meta';
/** See {@link IMPORT_META}. */
export const IMPORT_FUNCTION = '__remotemedia_import';

/** What an expression takes from around it. */
export interface Surroundings {
  /** Names that it does not declare. */
  readonly free: ReadonlySet<string>;
  /** Those of them that it assigns to. */
  readonly assigned: ReadonlySet<string>;
  /** What stands in it besides names, and belongs to the code around it. */
  readonly uses: ReadonlySet<'this' | 'arguments' | 'super' | 'new.target' | 'eval' | 'with'>;
  /** Replaces `import.meta` and `import`. */
  readonly edits: readonly Edit[];
}

interface Frame {
  readonly names: Set<string>;
  readonly parent: Frame | undefined;
}

/** Finds what an expression takes from around it. `skipped` are parts that do not count. */
export function findSurroundings(
  root: SyntaxNode,
  isSloppy: boolean,
  skipped: ReadonlySet<SyntaxNode>,
): Surroundings {
  const finder = new Finder(isSloppy, skipped);
  finder.visit(root, undefined, 0);
  return finder;
}

/** Recursive: the depth is that of the nesting of the text, which the parser has managed as well. */
class Finder implements Surroundings {
  readonly free = new Set<string>();
  readonly assigned = new Set<string>();
  readonly uses = new Set<'this' | 'arguments' | 'super' | 'new.target' | 'eval' | 'with'>();
  readonly edits: Edit[] = [];
  readonly #isSloppy: boolean;
  readonly #skipped: ReadonlySet<SyntaxNode>;

  constructor(isSloppy: boolean, skipped: ReadonlySet<SyntaxNode>) {
    this.#isSloppy = isSloppy;
    this.#skipped = skipped;
  }

  /** `depth` counts the functions around a node that have a `this` of their own. */
  visit(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    if (this.#skipped.has(node)) return;
    switch (node.type) {
      case 'Identifier':
        this.#refer(node['name'] as string, frame, depth);
        return;
      case 'MemberExpression':
      case 'Property':
        this.#visitKeyed(node, frame, depth);
        return;
      case 'LabeledStatement':
        this.visit(node['body'] as SyntaxNode, frame, depth);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      case 'FunctionExpression':
      case 'FunctionDeclaration':
      case 'ArrowFunctionExpression':
        this.#visitFunction(node, frame, depth);
        return;
      case 'ClassExpression':
      case 'ClassDeclaration':
        this.#visitClass(node, frame, depth);
        return;
      default:
        this.#noteSpecial(node, frame, depth);
        this.#visitChildren(node, isBlock(node) ? this.#blockFrame(node, frame) : frame, depth);
    }
  }

  #visitChildren(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    if (node.type === 'MetaProperty') return;
    for (const child of childrenOf(node)) this.visit(child, frame, depth);
  }

  #refer(name: string, frame: Frame | undefined, depth: number): void {
    for (let current = frame; current !== undefined; current = current.parent)
      if (current.names.has(name)) return;
    if (name === 'arguments') {
      if (depth === 0) this.uses.add('arguments');
    } else {
      this.free.add(name);
    }
  }

  #noteSpecial(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    switch (node.type) {
      case 'ThisExpression':
        if (depth === 0) this.uses.add('this');
        break;
      case 'Super':
        if (depth === 0) this.uses.add('super');
        break;
      case 'WithStatement':
        this.uses.add('with');
        break;
      case 'MetaProperty':
        this.#noteMeta(node, depth);
        break;
      case 'ImportExpression':
        this.free.add(IMPORT_FUNCTION);
        this.edits.push({ start: node.start, end: node.start + 'import'.length, text: IMPORT_FUNCTION });
        break;
      case 'CallExpression':
        if ((node['callee'] as SyntaxNode)['name'] === 'eval') this.uses.add('eval');
        break;
      case 'AssignmentExpression':
      case 'ForInStatement':
      case 'ForOfStatement':
        this.#noteAssigned(node['left'] as SyntaxNode, frame);
        break;
      case 'UpdateExpression':
        this.#noteAssigned(node['argument'] as SyntaxNode, frame);
        break;
    }
  }

  #noteMeta(node: SyntaxNode, depth: number): void {
    if ((node['meta'] as SyntaxNode)['name'] === 'import') {
      this.free.add(IMPORT_META);
      this.edits.push({ start: node.start, end: node.end, text: IMPORT_META });
    } else if (depth === 0) {
      this.uses.add('new.target');
    }
  }

  #noteAssigned(target: SyntaxNode, frame: Frame | undefined): void {
    if (target.type === 'VariableDeclaration') return;
    for (const name of namesInPattern(target)) {
      let current = frame;
      while (current !== undefined && !current.names.has(name)) current = current.parent;
      if (current === undefined) this.assigned.add(name);
    }
  }

  #visitKeyed(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    const [key, other] = node.type === 'Property' ? ['key', 'value'] : ['property', 'object'];
    this.visit(node[other as 'value'] as SyntaxNode, frame, depth);
    if (node['computed'] === true) this.visit(node[key as 'key'] as SyntaxNode, frame, depth);
  }

  #visitFunction(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    const isArrow = node.type === 'ArrowFunctionExpression';
    const params = node['params'] as SyntaxNode[];
    const names = new Set(params.flatMap((param) => [...namesInPattern(param)]));
    if (!isArrow) names.add('arguments');
    const own = node['id'] as SyntaxNode | null | undefined;
    if (isSyntaxNode(own)) names.add(own['name'] as string);
    const body = node['body'] as SyntaxNode;
    const outer: Frame = { names, parent: frame };
    // What a default value reads is never a variable of the body.
    const inner: Frame = { names: new Set(varNames(body, this.#isSloppy)), parent: outer };
    const innerDepth = isArrow ? depth : depth + 1;
    for (const param of params) this.visit(param, outer, innerDepth);
    this.visit(body, inner, innerDepth);
  }

  #visitClass(node: SyntaxNode, frame: Frame | undefined, depth: number): void {
    const own = node['id'] as SyntaxNode | null | undefined;
    const inner: Frame = { names: new Set(isSyntaxNode(own) ? [own['name'] as string] : []), parent: frame };
    const heritage = node['superClass'] as SyntaxNode | null;
    if (heritage !== null) this.visit(heritage, inner, depth);
    for (const member of (node['body'] as SyntaxNode)['body'] as SyntaxNode[]) {
      if (this.#skipped.has(member)) continue;
      if (member['computed'] === true) this.visit(member['key'] as SyntaxNode, inner, depth);
      if (member.type === 'StaticBlock') {
        const block: Frame = { names: new Set(varNames(member, this.#isSloppy)), parent: inner };
        this.#visitChildren(member, this.#blockFrame(member, block), depth + 1);
      } else if (isSyntaxNode(member['value'])) {
        this.visit(member['value'], inner, depth + 1);
      }
    }
  }

  #blockFrame(node: SyntaxNode, parent: Frame | undefined): Frame {
    const names = new Set<string>();
    if (node.type === 'CatchClause' && isSyntaxNode(node['param']))
      for (const name of namesInPattern(node['param'])) names.add(name);
    for (const child of declarationsIn(node)) for (const name of declaredNames(child)) names.add(name);
    return { names, parent };
  }
}

function isBlock(node: SyntaxNode): boolean {
  return (
    node.type === 'BlockStatement' ||
    node.type === 'CatchClause' ||
    node.type === 'SwitchStatement' ||
    node.type.startsWith('For')
  );
}

/** What is declared by `let`, `const`, `class` and `function` right in a block. */
function declarationsIn(node: SyntaxNode): SyntaxNode[] {
  if (node.type === 'SwitchStatement')
    return (node['cases'] as SyntaxNode[]).flatMap((item) => item['consequent'] as SyntaxNode[]);
  if (node.type.startsWith('For')) return [node['init'], node['left']].filter(isSyntaxNode);
  return Array.isArray(node['body']) ? (node['body'] as SyntaxNode[]) : [];
}

function declaredNames(node: SyntaxNode): string[] {
  if (node.type === 'VariableDeclaration')
    return (node['declarations'] as SyntaxNode[]).flatMap((item) => [
      ...namesInPattern(item['id'] as SyntaxNode),
    ]);
  const isNamed = node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration';
  return isNamed ? [(node['id'] as SyntaxNode)['name'] as string] : [];
}

/** Names that `var` hoists to a function, and in sloppy code functions of inner blocks as well. */
function* varNames(node: SyntaxNode, isSloppy: boolean): Generator<string> {
  for (const child of childrenOf(node)) {
    if (child.type === 'VariableDeclaration' && child['kind'] === 'var') yield* declaredNames(child);
    if (child.type === 'FunctionDeclaration') {
      if (isSloppy) yield* declaredNames(child);
    } else if (!child.type.endsWith('FunctionExpression') && !child.type.startsWith('Class')) {
      yield* varNames(child, isSloppy);
    }
  }
}

function* namesInPattern(node: SyntaxNode): Generator<string> {
  switch (node.type) {
    case 'Identifier':
      yield node['name'] as string;
      break;
    case 'ObjectPattern':
      for (const property of node['properties'] as SyntaxNode[])
        yield* namesInPattern((property['value'] ?? property['argument']) as SyntaxNode);
      break;
    case 'ArrayPattern':
      for (const item of node['elements'] as (SyntaxNode | null)[])
        if (item !== null) yield* namesInPattern(item);
      break;
    case 'RestElement':
      yield* namesInPattern(node['argument'] as SyntaxNode);
      break;
    case 'AssignmentPattern':
      yield* namesInPattern(node['left'] as SyntaxNode);
      break;
  }
}

import { createRequire } from 'node:module';
import type { Node } from 'acorn';

const require = createRequire(import.meta.url);

/** A syntax node whose other members are read by name. */
export type SyntaxNode = Node & Record<string, unknown>;

/** A part of the text that is replaced. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text parsed as one expression. */
export interface ParsedExpression {
  readonly root: SyntaxNode;
  /** It can only be sloppy code, as it breaks the rules of strict mode. */
  readonly isSloppy: boolean;
}

/** Parses an expression as strict code, else as sloppy code; `undefined` where it is neither. */
export function parseExpression(text: string): ParsedExpression | undefined {
  for (const sourceType of ['module', 'script'] as const) {
    try {
      // Loaded here, so that programs whose classes all go by reference never load it.
      const { parse } = require('acorn') as typeof import('acorn');
      const program = parse(text, {
        ecmaVersion: 'latest',
        sourceType,
        allowSuperOutsideMethod: true,
        // In a module, code inside a function has no top-level `await`.
        allowAwaitOutsideFunction: false,
      });
      const [statement] = program.body;
      if (program.body.length !== 1 || statement?.type !== 'ExpressionStatement') return undefined;
      return { root: statement.expression as unknown as SyntaxNode, isSloppy: sourceType === 'script' };
    } catch {
      continue;
    }
  }
  return undefined;
}

/** The nodes below a node, in the order of the text as far as the parser keeps it. */
export function* childrenOf(node: SyntaxNode): Generator<SyntaxNode> {
  for (const key in node) {
    const child = node[key];
    if (Array.isArray(child)) {
      for (const item of child) if (isSyntaxNode(item)) yield item;
    } else if (isSyntaxNode(child)) {
      yield child;
    }
  }
}

export function isSyntaxNode(value: unknown): value is SyntaxNode {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

/** The text with its edits made; they must not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => b.start - a.start))
    result = result.slice(0, start) + replacement + result.slice(end);
  return result;
}

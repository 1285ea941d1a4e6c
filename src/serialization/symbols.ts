/** `iterator` for `Symbol.iterator`, and `undefined` for a symbol that is none of the language. */
export function wellKnownName(symbol: symbol): string | undefined {
  const name = symbol.description?.replace(/^Symbol\./, '');
  return name !== undefined && wellKnownSymbol(name) === symbol ? name : undefined;
}

/** The symbol of the language that has a name. */
export function wellKnownSymbol(name: string): symbol | undefined {
  if (!Object.hasOwn(Symbol, name)) return undefined;
  const value: unknown = Reflect.get(Symbol, name);
  return typeof value === 'symbol' ? value : undefined;
}

/** Whether a symbol is one of the language. */
export function isWellKnown(symbol: symbol): boolean {
  return wellKnownName(symbol) !== undefined;
}

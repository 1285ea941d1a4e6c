/** The name of a value's type, for error messages: `string`, `null`, `Array`, `class Foo`, `Foo`. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'function') {
    return Function.prototype.toString.call(value).startsWith('class')
      ? `class ${value.name}`
      : `function ${value.name}`.trimEnd();
  }
  if (typeof value !== 'object') return typeof value;
  const constructor: unknown = (value as { constructor?: unknown }).constructor;
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'object';
}

// Builds random closures and classes, and compares what they do with what their copies do. Prints how many were compared.
import fc from 'fast-check';
import { deserialize, serialize } from 'remotemedia/serialization';

const evaluate = globalThis.eval;
let compared = 0;

/** A scope: variables with their first values, functions over variables of it and of the scopes around it, inner scopes, how often it is entered. */
const scope = fc.letrec((tie) => ({
  node: fc.record({
    values: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
    functions: fc.array(
      fc.record({
        kind: fc.constantFrom('read', 'add', 'set', 'method', 'async'),
        pick: fc.nat(9),
        other: fc.nat(9),
      }),
      { maxLength: 3 },
    ),
    inner: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie('node'), { maxLength: 2 })),
    form: fc.constantFrom('call', 'call twice', 'block', 'loop'),
  }),
})).node;

let names = 0;
function scopeCode({ values, functions, inner, form }, outer) {
  const own = values.map(() => `v${names++}`);
  const all = [...outer, ...own];
  const body = [
    ...own.map((name, index) => `let ${name} = ${values[index]};`),
    ...functions.map(
      ({ kind, pick, other }) =>
        `all.push(${functionCode(kind, all[pick % all.length], all[other % all.length])});`,
    ),
    ...inner.map((child) => scopeCode(child, all)),
  ].join('\n');
  if (form === 'block') return `{ ${body} }`;
  if (form === 'loop') return `for (let i${names} = 0; i${names} < 2; i${names}++) { ${body} }`;
  const name = `f${names++}`;
  return `function ${name}() { ${body} }\n${name}();${form === 'call twice' ? ` ${name}();` : ''}`;
}

function functionCode(kind, a, b) {
  switch (kind) {
    case 'read':
      return `() => ${a} * 10 + ${b}`;
    case 'add':
      return `function () { return (${a} += ${b} + 1); }`;
    case 'set':
      return `(x = ${b}) => { ${a} = x + 2; return [${a}, ${b}]; }`;
    case 'method':
      return `({ m() { ${a}++; return ${b}; } }).m`;
    default:
      return `async () => { ${a}--; await null; return ${a} + ${b}; }`;
  }
}

/** Classes, each extending the one before it. */
const classes = fc.array(
  fc.record({
    field: fc.nat(5),
    members: fc.uniqueArray(
      fc.constantFrom('method', 'getter', 'static', 'generator', 'symbol', 'arrow', 'private'),
      { maxLength: 5 },
    ),
    isFrozen: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);

function classCode(list) {
  const texts = list.map(({ field, members }, index) => {
    const parent = index === 0 ? '' : ` extends C${index - 1}`;
    const up = index === 0 ? "''" : `(super.say?.() ?? '')`;
    const member = {
      method: `say() { return ${up} + 'm${index}' + this.f${index}; }`,
      getter: `get g${index}() { return shared + this.f${index}; } set g${index}(v) { this.f${index} = v; }`,
      static: `static s${index} = ${field} + 1; static grow() { return (this.s${index} += 1); }`,
      generator: `*each() { yield this.f${index}; yield shared++; }`,
      symbol: `[Symbol.toPrimitive]() { return this.f${index}; }`,
      arrow: `a${index} = (x) => this.f${index} + x;`,
      private: `#p${index}() { return 1; } static hidden${index}() { return typeof this.prototype; }`,
    };
    const used = members.filter((name) => name !== 'private').map((name) => member[name]);
    return `class C${index}${parent} { f${index} = ${field}; ${used.join(' ')} }`;
  });
  const last = list.length - 1;
  return `(() => { let shared = 3; ${texts.join('\n')}\nreturn [new C${last}(), C${last}]; })()`;
}

function exercise([instance, Class]) {
  const results = [];
  for (let current = instance; current !== Object.prototype; current = Object.getPrototypeOf(current)) {
    for (const key of Reflect.ownKeys(current)) {
      if (key === 'constructor') continue;
      const { get, set } = Object.getOwnPropertyDescriptor(current, key);
      if (set) instance[key] = 7;
      const value = get ? instance[key] : current[key];
      const isGenerator = typeof value === 'function' && key === 'each';
      results.push([
        String(key),
        typeof value === 'function' ? (isGenerator ? [...instance.each()] : value.call(instance, 2)) : value,
      ]);
    }
  }
  return [
    results,
    Class.grow?.(),
    Class.grow?.(),
    Class.name,
    Object.keys(Class),
    new Class().f0,
    instance instanceof Class,
  ];
}

await fc.assert(
  fc.asyncProperty(scope, fc.array(fc.nat(50), { maxLength: 30 }), async (tree, calls) => {
    const fns = evaluate(`(() => { const all = []; ${scopeCode(tree, [])}\nreturn all; })()`);
    const copies = await deserialize(await serialize(fns));
    for (const call of fns.length === 0 ? [] : calls) {
      const [here, there] = [await fns[call % fns.length](), await copies[call % fns.length]()];
      if (JSON.stringify(here) !== JSON.stringify(there))
        throw new Error(`${fns[call % fns.length]} gave ${there}, not ${here}`);
    }
    compared++;
  }),
  { numRuns: 25 },
);
await fc.assert(
  // Many at once: arrow functions that use `this` cost a snapshot of the heap for each payload.
  fc.asyncProperty(fc.array(classes, { minLength: 12, maxLength: 12 }), async (lists) => {
    const values = lists.map((list) => evaluate(classCode(list)));
    const copies = await deserialize(await serialize(values));
    values.forEach((value, index) => {
      const [there, here] = [exercise(copies[index]), exercise(value)];
      if (JSON.stringify(here) !== JSON.stringify(there))
        throw new Error(`${JSON.stringify(there)} is not ${JSON.stringify(here)}`);
      compared++;
    });
  }),
  { numRuns: 5 },
);
process.stdout.write(JSON.stringify({ compared }));

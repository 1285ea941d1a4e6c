import { registeredNodes, type ParameterSchema, type RegisteredNode } from '../node/index.js';
import '../nodes/index.js';
import { print } from './stdout.js';

/** `remotemedia nodes`: every registered node with its parameters. */
export async function nodes(options: { readonly json?: boolean }): Promise<void> {
  const known = registeredNodes();
  if (options.json !== true) {
    await print(known.map(describeNode).join('\n'));
    return;
  }
  const records = known.map(({ type, nodeClass }) => ({
    node_type: type,
    description: nodeClass.description ?? '',
    parameters: nodeClass.parameters ?? null,
  }));
  await print(`${JSON.stringify(records, null, 2)}\n`);
}

function describeNode({ type, nodeClass }: RegisteredNode): string {
  const title = nodeClass.description === undefined ? type : `${type}: ${nodeClass.description}`;
  if (nodeClass.parameters === undefined) return `${title}\n`;
  return `${title}\n${describeParameters(nodeClass.parameters)}`;
}

/** The part of JSON Schema that is shown. */
interface ShownSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly ShownSchema[];
  readonly oneOf?: readonly ShownSchema[];
  readonly items?: ShownSchema;
  readonly default?: unknown;
  readonly description?: string;
}

function describeParameters({ properties, required = [] }: ParameterSchema): string {
  const rows = Object.entries(properties as Record<string, ShownSchema>).map(([name, schema]) => {
    const isNeeded = required.includes(name);
    const preset = schema.default === undefined ? '' : `, default ${JSON.stringify(schema.default)}`;
    return [
      name,
      `${describeSchema(schema)}${isNeeded ? ', required' : preset}`,
      schema.description ?? '',
    ] as const;
  });
  const width = (column: 0 | 1): number => Math.max(0, ...rows.map((row) => row[column].length));
  const [names, types] = [width(0), width(1)];
  return rows
    .map(([name, type, description]) =>
      `  ${name.padEnd(names)}  ${type.padEnd(types)}  ${description}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function describeSchema(schema: ShownSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.map(describeSchema).join(' | ');
  if (schema.type === 'array' && schema.items !== undefined)
    return `array of ${describeSchema(schema.items)}`;
  return schema.type === undefined ? 'any' : [schema.type].flat().join(' | ');
}

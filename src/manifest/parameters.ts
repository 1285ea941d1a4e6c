import { z } from 'zod';
import { InvalidArgumentError } from '../errors/index.js';
import type { NodeClass } from '../node/index.js';
import type { ManifestTypeNode } from './manifest.js';
import { manifestError, parsePath, problemsOf } from './problems.js';

const schemas = new WeakMap<NodeClass, z.ZodType>();

/**
 * Checks the params of a node entry against what its class declares as `static parameters`. Names that the class does not declare
 * are refused unless its schema says `additionalProperties: true`: they are mostly misspelt.
 *
 * @param path - where the entry lies, such as `nodes[2]`.
 * @throws ManifestError `RM_INVALID_MANIFEST` with every problem and its path, such as `nodes[2].params.operand`.
 */
export function checkParams(entry: ManifestTypeNode, nodeClass: NodeClass, path: string): void {
  if (nodeClass.parameters === undefined) return;
  const result = schemaOf(nodeClass).safeParse(entry.params);
  if (result.success) return;
  const names = Object.keys(nodeClass.parameters.properties);
  const base = [...parsePath(path), 'params'];
  const problems = problemsOf(result.error.issues, entry.params, base, (inner) =>
    inner.length === 0 ? names : [],
  );
  throw manifestError('manifest', problems);
}

function schemaOf(nodeClass: NodeClass): z.ZodType {
  let schema = schemas.get(nodeClass);
  if (schema === undefined) schemas.set(nodeClass, (schema = buildSchema(nodeClass)));
  return schema;
}

function buildSchema(nodeClass: NodeClass): z.ZodType {
  const jsonSchema = { additionalProperties: false, ...nodeClass.parameters };
  try {
    return z.fromJSONSchema(jsonSchema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (cause) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `The static parameters of ${nodeClass.name} are no JSON Schema: ${(cause as Error).message}`,
      { cause },
    );
  }
}

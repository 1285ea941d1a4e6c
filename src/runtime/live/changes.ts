import { InvalidArgumentError } from '../../errors/index.js';
import type { ManifestNode } from '../../manifest/index.js';
import { listDefinition, type PipelineEntry } from '../definition.js';
import { withInserted, withRemoved, withReplaced, type InsertPlace } from './graph-changes.js';
import type { PipelineStream } from '../stream.js';

/** A live session, as it is changed. */
type Changeable = Pick<PipelineStream<unknown>, 'change'>;

/** Inserts a node; gives its id. */
export async function insertNode(
  session: Changeable,
  node: PipelineEntry,
  place: InsertPlace,
): Promise<string> {
  checkPlace(place);
  const { entry, name } = await entryOf(node);
  let id = '';
  await session.change((definition) => {
    id = place.id ?? entry.id ?? freeId(name, definition.ids);
    return withInserted(definition, { id, entry }, place);
  });
  return id;
}

/** Programs in JavaScript have no compiler that would. */
function checkPlace(place: unknown): void {
  const ends = typeof place === 'object' && place !== null ? Object.keys(place) : [];
  if (ends.includes('before') !== ends.includes('after')) return;
  throw new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    'insert() takes a node and either { before: id } or { after: id }, with the id of a node that is there.',
  );
}

/** Removes the node with this id. */
export function removeNode(session: Changeable, id: string): Promise<void> {
  return session.change((definition) => withRemoved(definition, id));
}

/** Puts another node in the place of the one with this id. */
export async function replaceNode(session: Changeable, id: string, node: PipelineEntry): Promise<void> {
  const { entry } = await entryOf(node);
  await session.change((definition) => withReplaced(definition, { id, entry }));
}

/** The entry of something that could be in a list, and what ids of such nodes begin with. */
async function entryOf(node: PipelineEntry): Promise<{ entry: ManifestNode; name: string }> {
  const { entries, ids } = await listDefinition([node], process.cwd());
  return { entry: entries[0] as ManifestNode, name: (ids[0] ?? '').replace(/_0$/, '') };
}

function freeId(name: string, ids: readonly string[]): string {
  let number = ids.length;
  while (ids.includes(`${name}_${String(number)}`)) number++;
  return `${name}_${String(number)}`;
}

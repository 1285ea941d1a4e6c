import { isRemoteMediaError } from '../errors/index.js';
import { lowerMeasured } from '../wire/index.js';

/** The properties of one error may take so much together: they go over the control connection. */
const MAX_BYTES = 64 * 1024;
/** What a failure says in fields of its own. */
const SAID = new Set(['name', 'message', 'stack', 'cause']);
/** The same of an error of this package. */
const SAID_OF_OURS = new Set([
  'code',
  'nodeId',
  'host',
  'path',
  'phase',
  'itemIndex',
  'suppressed',
  'exitCode',
  'signal',
  'stderr',
  'pythonType',
  'traceback',
  'attributes',
  'args',
]);

/** Own enumerable properties of an error, such as `code`, `errno` or `status`, but for those that cannot cross or are too large. */
export function attributesOf(error: Error): Readonly<Record<string, unknown>> | undefined {
  const isOurs = isRemoteMediaError(error);
  const entries: (readonly [string, unknown])[] = [];
  let bytesLeft = MAX_BYTES;
  for (const key of Object.keys(error)) {
    if (SAID.has(key) || (isOurs && SAID_OF_OURS.has(key))) continue;
    try {
      const value: unknown = Reflect.get(error, key);
      const { byteLength } = lowerMeasured({ [key]: value });
      if (value === undefined || byteLength > bytesLeft) continue;
      bytesLeft -= byteLength;
      entries.push([key, value]);
    } catch {
      // The failure itself matters more than one of its properties.
    }
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Gives an error the properties that it had elsewhere; what every error has stays as it is. */
export function giveAttributes(error: Error, attributes: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(attributes)) {
    if (key in error) continue;
    Object.defineProperty(error, key, { value, configurable: true, enumerable: true, writable: true });
  }
}

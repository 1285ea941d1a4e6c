import { ControlConnection, listener } from '../../protocol/index.js';
import type { RunWatch } from '../../segment/index.js';
import type { Language } from '../host.js';

/** How a segment in another host is watched. */
export interface WatchedRemotely {
  /** What its description says of that; see `schema/wire.md`. */
  readonly description: object | undefined;
  /** Expects no more reports. */
  readonly forget: () => void;
}

/**
 * Expects the connection by which a TypeScript host reports while its event loop is blocked. In a Python host another thread uses the
 * control connection.
 */
export function watchedSegment(
  watch: RunWatch | undefined,
  host: { readonly name: string; readonly language: Language },
  onEvent: (name: string, params: unknown) => void,
): WatchedRemotely {
  if (watch === undefined) return { description: undefined, forget: () => undefined };
  const { stuckAfterMs, memoryLimitBytes } = watch;
  const description = { stuckAfterMs, memoryLimitBytes };
  if (host.language === 'python') return { description, forget: () => undefined };
  const token = crypto.randomUUID();
  const forget = listener.expect(
    token,
    (connection) => new ControlConnection(connection, host.name, { onEvent, onClosed: () => undefined }),
  );
  return { description: { ...description, token }, forget };
}

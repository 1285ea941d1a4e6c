import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { InvalidArgumentError } from '../../errors/index.js';

/** How workers and processes of TypeScript nodes are kept and limited. */
export interface HostSettings {
  /** How many idle workers, and how many idle processes, are kept for later runs, from 0. @defaultValue as many as there are processors */
  readonly maxIdle?: number | undefined;
  /** How long one is kept that nobody uses, in milliseconds. @defaultValue 30000 */
  readonly idleTimeoutMs?: number | undefined;
  /** Limits of each worker thread, as `Worker` of `node:worker_threads` takes them, in MB. @defaultValue those of Node.js */
  readonly resourceLimits?: Readonly<ResourceLimits> | undefined;
  /** The largest that the serialized nodes of one host may be, in bytes. @defaultValue 100 MB */
  readonly payloadLimitBytes?: number | undefined;
}

/** What holds now. */
export const settings: Required<{ -readonly [Name in keyof HostSettings]: NonNullable<HostSettings[Name]> }> =
  {
    maxIdle: availableParallelism(),
    idleTimeoutMs: 30_000,
    resourceLimits: {},
    payloadLimitBytes: 100 * 1024 * 1024,
  };

/** The largest that the serialized nodes of one host may be, in bytes. */
export function payloadLimit(): number {
  return settings.payloadLimitBytes;
}

/** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` for what is no number from 0. */
export function changeSettings(given: HostSettings): void {
  const { maxIdle, idleTimeoutMs, payloadLimitBytes } = given;
  for (const [name, value] of Object.entries({ maxIdle, idleTimeoutMs, payloadLimitBytes })) {
    if (value === undefined || value >= 0) continue;
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `configureHosts: ${name} must be a number from 0, got ${String(value)}.`,
    );
  }
  const changes = Object.entries(given).filter(([, value]) => value !== undefined);
  Object.assign(settings, Object.fromEntries(changes));
}

import { describeCause, InvalidArgumentError } from '../errors/index.js';
import { defaultLogger, type Logger } from '../logging/index.js';
import { describeStuck, type RunWatch, type StuckReport } from '../segment/index.js';

/** What a run is watched for. Nothing is ended because of it. */
export interface WatchOptions {
  /**
   * After how long a node that has not returned, or a blocked event loop, is reported, in milliseconds; 0 for never.
   *
   * @defaultValue 5000 in a session, never in other runs
   */
  readonly stuckAfterMs?: number | undefined;
  /** What each host may use, in bytes, before it is reported: a process by its resident memory, a worker thread by its heap and buffers. @defaultValue any */
  readonly memoryLimitBytes?: number | undefined;
  /** Takes the reports. What it throws is logged. @defaultValue each is logged as a warning */
  readonly onStuck?: ((report: StuckReport) => void) | undefined;
}

const STUCK_AFTER_MS = 5000;

/**
 * How a run with these options is watched, where it is.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` for a limit that is no number from 0
 */
export function watchOf(
  options: WatchOptions & { readonly logger?: Logger | undefined },
  isLive: boolean,
): RunWatch | undefined {
  const { memoryLimitBytes, onStuck } = options;
  const isAsked = isLive || onStuck !== undefined;
  const { stuckAfterMs = isAsked ? STUCK_AFTER_MS : 0 } = options;
  for (const [name, value] of Object.entries({ stuckAfterMs, memoryLimitBytes })) {
    if (value === undefined || (value >= 0 && value < Infinity)) continue;
    const without = name === 'stuckAfterMs' ? 'Set it to 0' : 'Leave it out';
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `${name} must be a number from 0, got ${String(value)}. ${without} to have nothing reported because of it.`,
    );
  }
  if (stuckAfterMs === 0 && memoryLimitBytes === undefined) return undefined;
  const logger = options.logger ?? defaultLogger();
  return {
    stuckAfterMs,
    memoryLimitBytes,
    isPrintedAtOnce: onStuck === undefined && options.logger === undefined && isWarningWritten(),
    report: (report) => {
      if (onStuck === undefined) logger.warn(describeStuck(report));
      else tell(onStuck, report, logger);
    },
  };
}

/** Whether the default logger writes warnings. */
function isWarningWritten(): boolean {
  return ['debug', 'info', 'warn'].includes((process.env['REMOTEMEDIA_LOG'] ?? '').toLowerCase());
}

function tell(onStuck: (report: StuckReport) => void, report: StuckReport, logger: Logger): void {
  try {
    onStuck(report);
  } catch (error) {
    logger.error(`onStuck failed: ${describeCause(error)}`);
  }
}

/** Severity of a log record, least severe first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where the runtime logs to; `console`, pino and winston fit as they are. */
export interface Logger {
  /** Gets the steps of a run: placement, life cycle, cancel, and what is ignored after it. */
  debug(message: string): void;
  /** Gets what nodes log at this level; the runtime itself logs nothing at it. */
  info(message: string): void;
  /** Gets what may leave something behind, such as a `cleanup` that has not returned. */
  warn(message: string): void;
  /** Gets failures that the caller may not see, such as one in `cleanup` after another failure. */
  error(message: string): void;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/**
 * The logger of a run that was given none: lines on stderr from the level that `REMOTEMEDIA_LOG` names on
 * (`debug`, `info`, `warn` or `error`), and nothing where it is not set.
 */
export function defaultLogger(): Logger {
  const threshold = LEVELS.indexOf((process.env['REMOTEMEDIA_LOG'] ?? '').toLowerCase() as LogLevel);
  return (loggers[threshold + 1] ??= loggerFrom(threshold));
}

/** By their threshold: all runs share them. */
const loggers: Logger[] = [];

function loggerFrom(threshold: number): Logger {
  const at = (level: LogLevel): ((message: string) => void) =>
    threshold < 0 || LEVELS.indexOf(level) < threshold
      ? ignore
      : (message) => process.stderr.write(`remotemedia ${level}: ${message}\n`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function ignore(): void {
  // A level below the threshold is not written.
}

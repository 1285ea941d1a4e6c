import { checker } from '../../node/index.js';
import type { OpenOptions, WriteOptions } from './live-session.js';

type Kind = 'number' | 'boolean' | 'string' | 'function' | 'object';

/** The options of `open`, and what each one is; limits are checked where they are used. */
const OPEN_OPTIONS: Readonly<Record<keyof OpenOptions, readonly Kind[]>> = {
  accounting: ['boolean'],
  enableMetrics: ['boolean'],
  inputQueue: ['string', 'object'],
  logger: ['object'],
  maxPending: ['number'],
  memoryLimitBytes: ['number'],
  onDeadLetter: ['function'],
  onStuck: ['function'],
  returnState: ['boolean'],
  sessionId: ['string'],
  signal: ['object'],
  stuckAfterMs: ['number'],
};

const WORDS: Readonly<Record<Kind, string>> = {
  number: 'a number',
  boolean: 'true or false',
  string: 'a string',
  function: 'a function',
  object: 'an object',
};

/** The options of `write`. */
export const WRITE_OPTIONS: readonly (keyof WriteOptions)[] = ['survives', 'urgent', 'timestampUs'];

const check = checker('');

/**
 * Refuses what `open` does not know: programs in JavaScript have no compiler that would.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT`, which names the option
 */
export function checkOpenOptions(options: OpenOptions): void {
  check('The options of open()', typeof options === 'object', 'an object', options);
  check.names('open()', options, Object.keys(OPEN_OPTIONS));
  for (const [name, kinds] of Object.entries(OPEN_OPTIONS)) {
    const value: unknown = options[name as keyof OpenOptions];
    const isRight = value === undefined || kinds.includes(typeof value as Kind);
    check(name, isRight, kinds.map((kind) => WORDS[kind]).join(' or '), value);
  }
  const { signal, logger } = options;
  check('signal', signal === undefined || signal instanceof AbortSignal, 'an AbortSignal', signal);
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const isLogger = logger === undefined || levels.every((level) => typeof logger[level] === 'function');
  check('logger', isLogger, `an object with the functions ${levels.join(', ')}`, logger);
}

/** Refuses options of `write` that there are not, and times that are none; see {@link checkOpenOptions}. */
export function checkWriteOptions(options: WriteOptions): void {
  check.names('write()', options, WRITE_OPTIONS);
  const { timestampUs } = options;
  check(
    'timestampUs',
    timestampUs === undefined || Number.isFinite(timestampUs),
    'a finite number of microseconds',
    timestampUs,
  );
}

import { inspect } from 'node:util';

/** As Node.js ends a process in which nobody catches an error. */
const EXIT_UNCAUGHT = 1;

/**
 * From now on an error that nobody catches is printed without the line of source that Node.js puts before it: of code that came here as text
 * that line is a whole class.
 */
export function printCrashesBriefly(): void {
  process.on('uncaughtException', (error: unknown) => {
    // Code that listens itself answers for it.
    if (process.listenerCount('uncaughtException') > 1) return;
    process.stderr.write(`${error instanceof Error ? '' : 'Uncaught '}${inspect(error)}\n`);
    process.exit(EXIT_UNCAUGHT);
  });
}

import { EXIT } from './exit-code.js';

type Signal = 'SIGINT' | 'SIGTERM';

const EXIT_OF_SIGNAL: Readonly<Record<Signal, number>> = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
};

/** Why a run was cancelled from outside. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(signal: Signal) {
    super(`Interrupted by ${signal}.`);
    this.exitCode = EXIT_OF_SIGNAL[signal];
  }
}

/** The first Ctrl-C (or SIGTERM) cancels, and the run cleans up; the second ends the program at once. */
export function cancelOnSignals(controller: AbortController): () => void {
  const onSignal = (signal: Signal): void => {
    if (controller.signal.aborted) process.exit(EXIT_OF_SIGNAL[signal]);
    process.stderr.write(
      `${process.stderr.isTTY ? '\r\x1b[K' : ''}remotemedia: cleaning up; once more ends it at once\n`,
    );
    controller.abort(new InterruptedError(signal));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  };
}

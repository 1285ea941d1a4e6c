/** How a process or a thread ended. */
export interface VehicleEnd {
  /** Exit code, or `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it, or `null`. */
  readonly signal: string | null;
}

/** What a host of ours runs in: a process or a thread, which never keeps this program alive by itself. */
export interface Vehicle {
  /** In words, for errors: `process 4711`. */
  readonly description: string;
  /** Resolves when it has ended and its last words are there; rejects where it could not be started. */
  readonly ended: Promise<VehicleEnd>;
  /** Gives it the one message that a host starts with. */
  tell(message: object): void;
  /** Whether it and its output keep this program alive. */
  keepAlive(isWanted: boolean): void;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

/** How a host ended, in words: `exit code 3`, `signal SIGKILL (…)`. */
export function describeEnd({ exitCode, signal }: VehicleEnd): string {
  if (signal === null) return `exit code ${String(exitCode)}`;
  const hints: Record<string, string> = {
    SIGKILL: ' (killed from outside, or out of memory)',
    SIGSEGV: ' (a crash in native code)',
    SIGABRT: ' (native code gave up)',
  };
  return `signal ${signal}${hints[signal] ?? ''}`;
}

import { syncBuiltinESMExports } from 'node:module';
import { InvalidArgumentError, RemoteMediaError } from '../errors/index.js';
import { somethingIsUnderWay } from './under-way.js';

/** The time by which a script runs. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Resolves after so many milliseconds; never after `signal` has aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** How a script is run by a clock. */
export interface Clockwork<T> {
  /** Runs the script; it ends early once `signal` aborts. */
  readonly work: (clock: Clock, signal: AbortSignal) => Promise<T>;
  /** How long it may take, in milliseconds of the clock. */
  readonly limitMs: number;
}

/** What of `@sinonjs/fake-timers` is used. */
interface FakeClock {
  /** Milliseconds since 1970. */
  readonly now: number;
  countTimers(): number;
  next(): number;
  tick(ms: number): number;
  uninstall(): void;
}

/** `setImmediate` is not among them: it says "at once", and this file waits by it. */
const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'hrtime'];
/** When virtual time begins: any moment, but always the same, and not 0, which programs take for "never". */
const BEGIN_MS = Date.UTC(2025, 0, 1);
/** Clocks that count from the start of the program have counted for a while. */
const UPTIME_MS = 60_000;
/** How long real work that cannot be seen may take where nothing else is left to wait for. */
const PATIENCE_MS = 2_000;

let isInstalled = false;

/** Runs a script by the real clock. */
export async function inRealTime<T>({ work, limitMs }: Clockwork<T>): Promise<T> {
  const controller = new AbortController();
  const overdue = setTimeout(() => {
    controller.abort(tooLong(limitMs));
  }, limitMs);
  try {
    return await work(clockOf(), controller.signal);
  } finally {
    clearTimeout(overdue);
  }
}

/**
 * Runs a script by a virtual clock: while it runs, timers, `Date` and `performance.now()` of the whole program follow it. It stands still
 * while anything is under way, and then jumps to the next timer.
 *
 * @throws RemoteMediaError `RM_SCRIPT_FAILED` where nothing happens any more and the script is not over; `RM_MODULE` without
 * `@sinonjs/fake-timers`
 */
export async function inVirtualTime<T>(clockwork: Clockwork<T>): Promise<T> {
  const fakeTimers = await importFakeTimers();
  if (isInstalled || 'clock' in globalThis.Date) throw alreadyFaked();
  // The way to the real clock, once all others have been replaced.
  const realNow = performance.now.bind(performance);
  const clock: FakeClock = fakeTimers.install({ now: BEGIN_MS - UPTIME_MS, toFake: FAKED as never });
  const realTimeout = AbortSignal.timeout.bind(AbortSignal);
  isInstalled = true;
  try {
    clock.tick(UPTIME_MS);
    AbortSignal.timeout = timeoutSignal;
    // What has been imported from node:timers, or node:timers/promises, follows as well.
    syncBuiltinESMExports();
    return await turn(clock, clockwork, realNow);
  } finally {
    AbortSignal.timeout = realTimeout;
    clock.uninstall();
    syncBuiltinESMExports();
    isInstalled = false;
  }
}

/** Lets time pass until the work is done. */
async function turn<T>(clock: FakeClock, { work, limitMs }: Clockwork<T>, realNow: () => number): Promise<T> {
  const controller = new AbortController();
  let isDone = false;
  const result = work(clockOf(), controller.signal).finally(() => {
    isDone = true;
  });
  result.catch(() => undefined);
  const giveUp = (error: RemoteMediaError): void => {
    // Work that does not end even then is left behind.
    if (controller.signal.aborted) throw error;
    controller.abort(error);
  };
  let idleSince: number | undefined;
  for (;;) {
    await nothingUnderWay();
    // It changes while this waits.
    if (isDone as boolean) return result;
    if (clock.countTimers() > 0) {
      idleSince = undefined;
      if (clock.now - BEGIN_MS > limitMs && !controller.signal.aborted) giveUp(tooLong(limitMs));
      else clock.next();
    } else {
      idleSince ??= realNow();
      if (realNow() - idleSince > PATIENCE_MS) {
        idleSince = undefined;
        giveUp(stalled());
      }
    }
  }
}

/** By turns of the event loop, which runs all promises in between. */
async function nothingUnderWay(): Promise<void> {
  // Two of them: what the first one has let in may have started something.
  for (let quiet = 0; quiet < 2; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (somethingIsUnderWay()) quiet = -1;
  }
}

function clockOf(): Clock {
  return {
    now: () => performance.now(),
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return;
        const timer = setTimeout(resolve, ms);
        signal.addEventListener(
          'abort',
          () => {
            clearTimeout(timer);
          },
          { once: true },
        );
      }),
  };
}

/** `AbortSignal.timeout` has a timer that nobody can replace. */
function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  }, ms);
  return controller.signal;
}

async function importFakeTimers(): Promise<typeof import('@sinonjs/fake-timers')> {
  try {
    return await import('@sinonjs/fake-timers');
  } catch (cause) {
    throw new RemoteMediaError(
      'RM_MODULE',
      "The virtual clock needs the package @sinonjs/fake-timers. Install it: npm install --save-dev @sinonjs/fake-timers; or run the script with clock: 'real'.",
      { cause },
    );
  }
}

function alreadyFaked(): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    "The timers of this program are fake already. Await one script before the next; after vi.useFakeTimers() or the like restore the real ones first, or run the script with clock: 'real', which then follows those.",
  );
}

function tooLong(limitMs: number): RemoteMediaError {
  return new RemoteMediaError(
    'RM_SCRIPT_FAILED',
    `The script has not ended after ${String(limitMs)} ms: a node goes on, or the output never ends. End it with { atMs, cancel: true }, or give it more time with limitMs.`,
  );
}

function stalled(): RemoteMediaError {
  return new RemoteMediaError(
    'RM_SCRIPT_FAILED',
    "The script cannot go on: no timer is left, and a node waits for something that does not come. The virtual clock sees timers, files and name look-ups only: for a node that waits for a socket, a thread or a process, run the script with clock: 'real'.",
  );
}

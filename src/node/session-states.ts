import { InvalidArgumentError } from '../errors/index.js';

/** How long, and of how many sessions, state is kept. */
export interface SessionStatesOptions {
  /** How long the state of a session is kept after it was last asked for, in milliseconds. @defaultValue for ever */
  readonly ttlMs?: number | undefined;
  /** Of how many sessions; past these, that of the one goes that was not asked for the longest. @defaultValue no limit */
  readonly maxSessions?: number | undefined;
}

interface Kept<State> {
  readonly state: State;
  usedMs: number;
}

/**
 * State by session, for a node that serves several: one loaded model, and for each session its own turns.
 *
 * @example
 * ```ts
 * class Turns extends Node<string, string> {
 *   readonly states = new SessionStates(() => ({ turns: 0 }), { ttlMs: 3_600_000, maxSessions: 1000 });
 *   process(text: string, { sessionId }: NodeContext) {
 *     return `${text} (turn ${++this.states.of(sessionId).turns})`;
 *   }
 * }
 * ```
 */
export class SessionStates<State> {
  // Plain fields: a node takes its state along into other processes, where what is `#private` does not arrive.
  private readonly make: (sessionId: string) => State;
  private readonly ttlMs: number;
  private readonly maxSessions: number;
  /** The one that was not used the longest comes first. */
  private readonly kept = new Map<string, Kept<State>>();

  /**
   * @param make - gives the state that a session begins with
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` (a `TypeError`)
   */
  constructor(make: (sessionId: string) => State, options: SessionStatesOptions = {}) {
    const { ttlMs = Infinity, maxSessions = Infinity } = options;
    if (typeof make !== 'function')
      throw invalid('takes a function that makes a state: new SessionStates(() => ({ turns: 0 }))');
    if (!(ttlMs > 0)) throw invalid(`needs a ttlMs above 0, got ${String(ttlMs)}`);
    if (!(maxSessions >= 1)) throw invalid(`needs maxSessions of at least 1, got ${String(maxSessions)}`);
    this.make = make;
    this.ttlMs = ttlMs;
    this.maxSessions = maxSessions;
  }

  /** How many sessions have one now. */
  get size(): number {
    this.dropOld(performance.now());
    return this.kept.size;
  }

  /** The state of a session; made where it has none yet, or none any more. */
  of(sessionId: string): State {
    const now = performance.now();
    this.dropOld(now);
    const kept = this.kept.get(sessionId) ?? { state: this.make(sessionId), usedMs: now };
    kept.usedMs = now;
    this.kept.delete(sessionId);
    this.kept.set(sessionId, kept);
    if (this.kept.size > this.maxSessions) this.dropFirst();
    return kept.state;
  }

  /** Forgets the state of a session; whether it had one. */
  delete(sessionId: string): boolean {
    return this.kept.delete(sessionId);
  }

  private dropOld(now: number): void {
    for (const { usedMs } of this.kept.values()) {
      if (now - usedMs < this.ttlMs) return;
      this.dropFirst();
    }
  }

  private dropFirst(): void {
    for (const sessionId of this.kept.keys()) {
      this.kept.delete(sessionId);
      return;
    }
  }
}

function invalid(problem: string): InvalidArgumentError {
  return new InvalidArgumentError('RM_INVALID_ARGUMENT', `SessionStates ${problem}.`);
}

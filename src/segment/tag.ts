/** What an item of a session has beside its value. What a node gives for an item has the tag of that item. */
export interface Tag {
  /** When it, or the input that it comes from, was let in, in µs of the machine's monotonic clock; no two inputs have the same. */
  readonly stamp: number;
  /** Whether it stays when what came before an interruption is dropped. */
  readonly survives: boolean;
  /** Whether it goes before what waits in queues. */
  readonly urgent?: boolean;
  /** When it is to be shown or heard, in µs; whose clock that is, is up to those who write. */
  readonly timestampUs?: number | undefined;
}

/** The real clock, also where a test has replaced it. */
const clockMs = performance.now.bind(performance);
/** A process's own clock begins with the process; this one is the same for all processes and languages of a machine. */
const CLOCK_OFFSET_US = Number(process.hrtime.bigint()) / 1e3 - clockMs() * 1e3;
/** Less than the clock can tell, and still exact after years. */
const STEP_US = 1 / 16;
let last = 0;

/** A stamp later than all before it in this process. */
export function nextStamp(): number {
  const now = clockMs() * 1e3 + CLOCK_OFFSET_US;
  last = now > last ? now : last + STEP_US;
  return last;
}

/** The tag of something that begins now. */
export function newTag(survives = false, urgent = false, timestampUs?: number): Tag {
  return { stamp: nextStamp(), survives, urgent, timestampUs };
}

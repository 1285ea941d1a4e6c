/** Whether a program printed what is expected; "…" stands there for what differs from run to run, within a line. */
export function isExpectedOutput(printed: string, expected: string): boolean;

// What examples and the programs in the docs are expected to print.

/** Whether a program printed what is expected; "…" stands there for what differs from run to run, within a line. */
export function isExpectedOutput(printed, expected) {
  const parts = expected.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^\\n]*')}$`).test(printed.replaceAll('\r\n', '\n'));
}

import { describe, expect, it } from 'vitest';
import { isExpectedOutput } from '../../scripts/expected-output.mjs';

describe('isExpectedOutput', () => {
  it.each([
    ['the same text', 'a (1)\nb\n', 'a (1)\nb\n', true],
    ['another text', 'a\n', 'b\n', false],
    ['more than what is expected', 'a\nb\n', 'a\n', false],
    ['anything for an ellipsis', 'took 12.5 ms\n', 'took … ms\n', true],
    ['an ellipsis that was printed', '{"a": …}\n', '{"a": …}\n', true],
    ['no other line for an ellipsis', 'took 1\n2 ms\n', 'took … ms\n', false],
    ['the line ends of Windows', 'a\r\nb\r\n', 'a\nb\n', true],
    ['characters that mean something in patterns literally', 'aab', 'a+b', false],
  ])('takes %s for what it is', (_what, printed, expected, is) => {
    expect(isExpectedOutput(printed, expected)).toBe(is);
  });
});

import { describe, expect, it } from 'vitest';
import { runProgram } from './programs.ts';

type Refused = Record<
  'expected' | 'path' | 'kind' | 'reason' | 'suggestion' | 'node' | 'message' | 'code',
  string
> & {
  readonly error?: string;
};

const refused = runProgram<Record<string, Refused>>('refused.mjs');

describe('what cannot be carried', () => {
  it.each(Object.entries(refused))('is refused with its path, kind, reason and a cure: %s', (_, refusal) => {
    expect(refusal.error).toBeUndefined();
    expect(refusal.path).toBe(refusal.expected);
    expect(refusal.code).toBe('RM_NOT_SERIALIZABLE');
    expect(refusal.node).toBe('bad');
    expect(refusal.kind).toMatch(/^(?:an?|the) \S/);
    expect(refusal.suggestion).toMatch(/^[A-Z].*\.$/);
    const place = refusal.path === '' ? 'it' : `attribute "${refusal.path}"`;
    expect(refusal.message).toBe(
      `Cannot serialize node "bad": ${place} is ${refusal.kind}: ${refusal.reason}. Suggestion: ${refusal.suggestion}`,
    );
  });
});

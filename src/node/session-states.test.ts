import { afterEach, describe, expect, it, vi } from 'vitest';
import { SessionStates } from './session-states.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('states by session', () => {
  it('are made once for each, and kept', () => {
    const states = new SessionStates((sessionId) => ({ sessionId, turns: 0 }));
    states.of('ann').turns++;
    expect(states.of('ann')).toEqual({ sessionId: 'ann', turns: 1 });
    expect(states.of('ben')).toEqual({ sessionId: 'ben', turns: 0 });
    expect(states.size).toBe(2);
    expect([states.delete('ann'), states.delete('ann')]).toEqual([true, false]);
    expect(states.of('ann').turns).toBe(0);
  });

  it('are forgotten some time after they were last asked for', () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const states = new SessionStates(() => [], { ttlMs: 100 });
    const [ann, ben] = [states.of('ann'), states.of('ben')];
    now = 60;
    expect(states.of('ann')).toBe(ann);
    now = 120;
    expect(states.size).toBe(1);
    expect(states.of('ann')).toBe(ann);
    expect(states.of('ben')).not.toBe(ben);
  });

  it('of the session that was not asked for the longest goes where there are too many', () => {
    const states = new SessionStates(() => [], { maxSessions: 2 });
    const [ann, ben] = [states.of('ann'), states.of('ben')];
    states.of('ann');
    states.of('cleo');
    expect(states.of('ann')).toBe(ann);
    expect(states.of('ben')).not.toBe(ben);
  });

  it.each([
    [() => new SessionStates(undefined as never), 'takes a function that makes a state'],
    [() => new SessionStates(() => [], { ttlMs: 0 }), 'needs a ttlMs above 0, got 0'],
    [() => new SessionStates(() => [], { maxSessions: 0 }), 'needs maxSessions of at least 1, got 0'],
  ])('refuse what makes no sense: %s', (make, message) => {
    expect(make).toThrow(message);
  });
});

import { expect, it } from 'vitest';
import { runProgram } from './programs.ts';

it('random closures and classes do what the original ones do', () => {
  expect(runProgram<{ compared: number }>('random-code.mjs')).toEqual({ compared: 85 });
});

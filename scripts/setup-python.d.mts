export const ROOT: string;
export const OLDEST_PYTHON: readonly number[];
export class SetupError extends Error {}
export interface InterpreterFacts {
  readonly version: readonly number[];
  readonly venv: boolean;
  readonly ensurepip: boolean;
}
export interface Interpreter extends InterpreterFacts {
  readonly command: readonly string[];
}
type Environment = Readonly<Record<string, string | undefined>>;
export function setupPython(root?: string, env?: Environment, report?: (line: string) => void): Promise<void>;
export function venvPython(root?: string, platform?: NodeJS.Platform): string;
export function candidateCommands(env: Environment, platform?: NodeJS.Platform): string[][];
export function findInterpreter(env: Environment, platform?: NodeJS.Platform): Interpreter;
export function parseProbe(output: string): InterpreterFacts | undefined;
export function compareVersions(left: readonly number[], right: readonly number[]): number;
export function isUpToDate(root: string, env: Environment): boolean;

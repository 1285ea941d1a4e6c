import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built command. */
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** The repository, whose tsx and speech the tests use. */
export const REPOSITORY: string = fileURLToPath(new URL('../..', import.meta.url));

/** What a command did. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is started. */
export interface CliOptions {
  readonly cwd?: string;
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the command. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcessWithoutNullStreams {
  const { cwd = REPOSITORY, env = {} } = options;
  return spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...process.env, ...env } });
}

/** Runs the command to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  const child = startCli(args, options);
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  return outcomeOf(child);
}

/** Waits for a started command. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

/** Waits until what a stream gives contains a text. */
export async function waitForText(stream: NodeJS.ReadableStream, wanted: string): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes(wanted)) resolve(text);
    });
    stream.once('end', () => {
      reject(new Error(`ended without ${JSON.stringify(wanted)}: ${text}`));
    });
  });
}

/** A folder that goes away with its test file. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'remotemedia-cli-')));
  }

  async file(name: string, text: string): Promise<string> {
    await writeFile(join(this.path, name), text);
    return join(this.path, name);
  }

  join(name: string): string {
    return join(this.path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

import { Command, CommanderError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { describeFailure, EXIT, exitCodeOf, UsageError } from './exit-code.js';
import { INPUT_FORMATS } from './input-format.js';

/**
 * Runs one command line.
 *
 * @returns the exit code; everything that was to be written has been written
 */
export async function runCli(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram((result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // commander has written its message itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    process.stderr.write(describeFailure(error, args.includes('--debug')));
    if (error instanceof UsageError) process.stderr.write('See remotemedia --help.\n');
    return exitCodeOf(error);
  }
}

/** Each command is loaded when it is called: `--help` loads none. */
function buildProgram(setCode: (code: number) => void): Command {
  const program = new Command('remotemedia')
    .description('Runs pipelines of TypeScript and Python nodes.')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'remotemedia: ')) })
    .showHelpAfterError('See remotemedia --help.');
  const command = (nameAndArguments: string, description: string): Command =>
    program
      .command(nameAndArguments)
      .description(description)
      .option('--debug', 'show stack traces and everything that is known of an error');

  addRun(command, setCode);
  command('validate', 'check a pipeline file without running it')
    .argument('<file>', PIPELINE_FILE)
    .action(async (file: string) => {
      const { validate } = await import('./validate.js');
      await validate(file);
    });
  command('plan', 'show which nodes run where, and why')
    .argument('<file>', PIPELINE_FILE)
    .addOption(new Option('--json', 'as JSON').conflicts('mermaid'))
    .option('--mermaid', 'as a Mermaid flowchart')
    .action(async (file: string, options: { json?: boolean; mermaid?: boolean }) => {
      const { plan } = await import('./plan.js');
      await plan(file, options);
    });
  command('nodes', 'list every known node with its parameters')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const { nodes } = await import('./nodes.js');
      await nodes(options);
    });
  command('doctor', 'look at what is installed, and say what is missing')
    .option('--serialize <file>', 'show how the nodes that a module exports would go to other hosts instead')
    .action(async ({ serialize }: { serialize?: string }) => {
      const { doctor } = await import('./doctor.js');
      setCode(serialize === undefined ? await doctor() : await explainFile(serialize));
    });
  return program;
}

async function explainFile(file: string): Promise<number> {
  const { explainNodes } = await import('./explain-nodes.js');
  return explainNodes(file);
}

const PIPELINE_FILE = 'a manifest (.json, .yaml) or a module (.js, .ts) that exports a pipeline';

function addRun(
  command: (nameAndArguments: string, description: string) => Command,
  setCode: (code: number) => void,
): void {
  command('run', 'run a pipeline')
    .argument('<file>', PIPELINE_FILE)
    .option(
      '-i, --input <path>',
      'file to read items from, - for standard input; may be given several times',
      collect,
    )
    .addOption(
      new Option('--input-format <format>', 'how to read the inputs (default: by their extension)').choices(
        INPUT_FORMATS,
      ),
    )
    .option(
      '-o, --output <path>',
      'file to write outputs to: .jsonl, or .txt for text (default: JSON lines on stdout)',
    )
    .option('--metrics', 'measure the nodes and show a table at the end')
    .action(async (file: string, options: Parameters<(typeof import('./run.js'))['run']>[1]) => {
      const { run } = await import('./run.js');
      setCode(await run(file, options));
    });
}

function collect(path: string, paths: readonly string[] = []): string[] {
  return [...paths, path];
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

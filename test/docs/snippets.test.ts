import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isExpectedOutput } from '../../scripts/expected-output.mjs';
import { venvPython } from '../../scripts/setup-python.mjs';
import { countMarks, markdownFiles, markedBlocks, readMarkdown, ROOT, type MarkedBlock } from './markdown.js';

const WORK = join(ROOT, '.cache', 'docs');
const TYPESCRIPT = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const CLI = join(ROOT, 'dist', 'cli', 'main.js');

const pages = markdownFiles().filter((page) => countMarks(readMarkdown(page)) > 0);

describe.each(pages)('snippets of %s', (page) => {
  const blocks = markedBlocks(readMarkdown(page));
  const folder = freshFolder(page);

  it('has a fenced block behind every mark', () => {
    expect(blocks).toHaveLength(countMarks(readMarkdown(page)));
  });

  it('runs', { timeout: 120_000 }, async () => {
    for (const [index, block] of blocks.entries()) {
      const place = `${page}, line ${String(block.line)}`;
      if (block.mark === 'file') writeFileSync(join(folder, block.name ?? ''), block.text);
      if (block.mark !== 'run') continue;
      const result = await runBlock(block, folder);
      expect(result.exitCode, `${place} failed:\n${result.stdout}${result.stderr}`).toBe(0);
      const wanted = blocks[index + 1];
      if (wanted?.mark !== 'output') continue;
      const shown = isExpectedOutput(result.stdout, wanted.text) ? wanted.text : result.stdout;
      expect(shown, `${place} printed something else`).toBe(wanted.text);
    }
  });

  it.runIf(blocks.some((block) => block.language === 'ts'))('type-checks', { timeout: 120_000 }, async () => {
    for (const block of blocks) writeFileSync(join(folder, fileNameOf(block)), block.text);
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { noEmit: true, skipLibCheck: true, types: ['node'] },
      include: ['./*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const result = await run([process.execPath, TYPESCRIPT, '-p', folder], folder);
    rmSync(join(folder, 'tsconfig.json'));
    expect(result.exitCode, `${page} has type errors:\n${result.stdout}`).toBe(0);
  });
});

function freshFolder(page: string): string {
  const folder = join(WORK, page.replaceAll(/[^\w]+/g, '-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function fileNameOf({ mark, name, language, line }: MarkedBlock): string {
  return mark === 'file'
    ? (name ?? '')
    : `snippet-${String(line)}.${language === 'python' ? 'py' : language}`;
}

async function runBlock(block: MarkedBlock, folder: string): Promise<RunResult> {
  const file = join(folder, fileNameOf(block));
  writeFileSync(file, block.text);
  switch (block.language) {
    case 'ts':
    case 'js':
      return run([process.execPath, '--import', 'tsx', file], folder);
    case 'python':
      return run([venvPython(), file], folder);
    case 'yaml':
      return run([process.execPath, CLI, 'validate', file], folder);
    default:
      throw new Error(`Line ${String(block.line)}: nothing runs a block of language "${block.language}".`);
  }
}

interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run([program = '', ...args]: readonly string[], cwd: string): Promise<RunResult> {
  const env: NodeJS.ProcessEnv = { ...process.env, FORCE_COLOR: '0' };
  delete env['REMOTEMEDIA_LOG'];
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { ...output, exitCode };
}

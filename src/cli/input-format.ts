import { extname } from 'node:path';
import { UsageError } from './exit-code.js';

/** How an input may be read. */
export const INPUT_FORMATS = ['jsonl', 'json', 'text', 'wav'] as const;

/** How an input is read: `jsonl` and `text` give an item per line, `json` gives one, `wav` gives audio frames. */
export type InputFormat = (typeof INPUT_FORMATS)[number];

const FORMAT_OF_EXTENSION: Readonly<Record<string, InputFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.txt': 'text',
  '.text': 'text',
  '.log': 'text',
  '.csv': 'text',
  '.md': 'text',
  '.wav': 'wav',
  '.wave': 'wav',
};

/** Standard input, as it is named on the command line. */
export const STANDARD_INPUT = '-';

/**
 * The format of an input: the one that was asked for, else by extension; standard input is text.
 *
 * @throws UsageError where the extension says nothing.
 */
export function inputFormatOf(path: string, asked: InputFormat | undefined): InputFormat {
  if (asked !== undefined) return asked;
  if (path === STANDARD_INPUT) return 'text';
  const extension = extname(path).toLowerCase();
  const format = FORMAT_OF_EXTENSION[extension];
  if (format !== undefined) return format;
  const what = extension === '' ? 'has no extension' : `has the extension ${extension}`;
  throw new UsageError(
    `--input ${path} ${what}: say how to read it with --input-format ${INPUT_FORMATS.join('|')}.`,
  );
}

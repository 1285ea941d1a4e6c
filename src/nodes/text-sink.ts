import type { TextData } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { toJsonLine } from './json-lines.js';
import type { LineWriter } from './line-writer.js';
import { boolean, nonEmptyString } from './options.js';

/** What {@link TextSink} takes. */
export interface TextSinkOptions extends NodeOptions {
  /** Path of the file, in a folder that exists. @defaultValue standard output */
  readonly path?: string | undefined;
  /** Whether what the file holds already stays. @defaultValue false */
  readonly append?: boolean | undefined;
  /**
   * What a line looks like: `{}` stands for the item's text, `{timestampUs}` or `{metadata.speaker}` for fields of the item.
   * @defaultValue '{}'
   */
  readonly template?: string | undefined;
}

/**
 * Writes a line of text for each item, and gives it on. Strings and {@link TextData} are written as they are, with line breaks as spaces; anything else as
 * JSON, as JsonLinesSink writes it. The file is complete and closed after `cleanup()`.
 */
export class TextSink<T = unknown> extends Node<T, T> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Writes a line of text for each item, and gives it on.';
  /** What of {@link TextSinkOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      path: {
        type: 'string',
        minLength: 1,
        description: 'Path of the file, in a folder that exists; standard output without it.',
      },
      append: { type: 'boolean', default: false, description: 'Whether what the file holds already stays.' },
      template: {
        type: 'string',
        default: '{}',
        description:
          "What a line looks like: {} stands for the item's text, {timestampUs} for a field of the item.",
      },
    },
    additionalProperties: false,
  };

  readonly #path: string | undefined;
  readonly #append: boolean;
  readonly #template: string;
  #writer: LineWriter | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where an option has a wrong type. */
  constructor(options: TextSinkOptions = {}) {
    super(options);
    const { path, append = false, template = '{}' } = options;
    this.#path = path === undefined ? undefined : nonEmptyString('TextSink', 'path', path);
    this.#append = boolean('TextSink', 'append', append);
    this.#template = nonEmptyString('TextSink', 'template', template);
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the file cannot be opened. */
  override async initialize(): Promise<void> {
    const { LineWriter } = await import('./line-writer.js');
    this.#writer = await LineWriter.open({ node: 'TextSink', path: this.#path, append: this.#append });
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the disk is full; `RM_INVALID_INPUT` for an item that has no text. */
  process(item: T): T | Promise<T> {
    if (this.#writer === undefined) {
      throw new RemoteMediaError(
        'RM_MEDIA',
        'TextSink: was used before initialize(). Call and await it first.',
      );
    }
    return this.#writer.write(lineOf(this.#template, item))?.then(() => item) ?? item;
  }

  /** Waits until all lines are written. */
  override async flush(): Promise<undefined> {
    await this.#writer?.flush();
  }

  override async cleanup(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }
}

function lineOf(template: string, item: unknown): string {
  const line = template.replaceAll(/\{([\w.]*)\}/g, (_, path: string) =>
    textOf(path === '' ? item : fieldOf(item, path)),
  );
  return line.replaceAll(/\r\n|[\r\n\u2028\u2029]/g, ' ');
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return value.toString();
  const { kind, text } = Object(value) as Partial<TextData>;
  return kind === 'text' && typeof text === 'string' ? text : toJsonLine('TextSink', value);
}

function fieldOf(item: unknown, path: string): unknown {
  let value = item;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

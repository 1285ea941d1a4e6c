import { RemoteMediaError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { toJsonLine } from './json-lines.js';
import type { LineWriter } from './line-writer.js';
import { boolean, nonEmptyString } from './options.js';

/** What {@link JsonLinesSink} takes. */
export interface JsonLinesSinkOptions extends NodeOptions {
  /** Path of the file, in a folder that exists. */
  readonly path: string;
  /** Whether what the file holds already stays. @defaultValue false */
  readonly append?: boolean | undefined;
}

/**
 * Writes each item as a JSON document of one line, and gives it on. The file is complete and closed after `cleanup()`. Numbers that JSON cannot hold are
 * written as strings, and of audio, video, bytes, tensors and typed arrays everything but their content.
 */
export class JsonLinesSink<T = unknown> extends Node<T, T> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Writes each item as a line of JSON, and gives it on.';
  /** What of {@link JsonLinesSinkOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      path: { type: 'string', minLength: 1, description: 'Path of the file, in a folder that exists.' },
      append: { type: 'boolean', default: false, description: 'Whether what the file holds already stays.' },
    },
    required: ['path'],
    additionalProperties: false,
  };

  readonly #path: string;
  readonly #append: boolean;
  #writer: LineWriter | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where `path` is missing. */
  constructor(options: JsonLinesSinkOptions) {
    super(options);
    this.#path = nonEmptyString('JsonLinesSink', 'path', options.path);
    this.#append = boolean('JsonLinesSink', 'append', options.append ?? false);
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the file cannot be opened. */
  override async initialize(): Promise<void> {
    const { LineWriter } = await import('./line-writer.js');
    this.#writer = await LineWriter.open({ node: 'JsonLinesSink', path: this.#path, append: this.#append });
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the disk is full; `RM_INVALID_INPUT` for an item that JSON cannot hold. */
  process(item: T): T | Promise<T> {
    if (this.#writer === undefined) {
      throw new RemoteMediaError(
        'RM_MEDIA',
        'JsonLinesSink: was used before initialize(). Call and await it first.',
      );
    }
    return this.#writer.write(toJsonLine('JsonLinesSink', item))?.then(() => item) ?? item;
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

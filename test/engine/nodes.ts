import { Node, SourceNode } from 'remotemedia';

/** Nodes that an engine makes by `./nodes.ts#Class`. */

export class Upper extends Node<string, string> {
  process(text: string): string {
    return text.toUpperCase();
  }
}

export class Count extends SourceNode<number> {
  readonly #to: number;

  constructor({ to }: { readonly to: number }) {
    super();
    this.#to = to;
  }

  *source(): Generator<number> {
    for (let value = 0; value < this.#to; value++) yield value;
  }
}

export class Where extends Node<unknown, { pid: number; thread: number }> {
  async process(): Promise<{ pid: number; thread: number }> {
    const { threadId } = await import('node:worker_threads');
    return { pid: process.pid, thread: threadId };
  }
}

export class Talk extends Node<string, string> {
  override initialize(): void {
    console.log('begin');
  }

  async process(text: string): Promise<string> {
    console.log(`got ${text}`);
    await Promise.resolve();
    console.error(`later ${text}`);
    return text;
  }

  override *flush(): Generator<never> {
    console.log('flush');
  }

  override cleanup(): void {
    process.stdout.write('end, ');
    process.stdout.write('at last\n');
  }
}

export class Fails extends Node<string, string> {
  process(text: string): string {
    if (text === 'bad') throw new RangeError('too bad', { cause: new Error('deeper') });
    return text;
  }
}

export class FailsToBegin extends Node<string, string> {
  override initialize(): void {
    throw new TypeError('no model');
  }

  process(text: string): string {
    return text;
  }
}

/** Does what its item says to the thread or process in which it runs. */
export class Crash extends Node<string, string> {
  process(text: string): string {
    if (text === 'throw')
      setImmediate(() => {
        throw new Error('nobody catches this');
      });
    if (text === 'exit') process.exit(3);
    return text;
  }

  override async flush(): Promise<undefined> {
    await new Promise(() => setTimeout(() => undefined, 60_000));
  }
}

/** Never returns, whatever is asked. */
export class Stuck extends Node<string, string> {
  async process(text: string): Promise<string> {
    console.log('stuck');
    if (text === 'sync') for (;;) Math.random();
    return new Promise(() => undefined);
  }
}

export class Endless extends SourceNode<number> {
  async *source(): AsyncGenerator<number> {
    for (let value = 0; ; value++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (value === 3) console.log('three');
      yield value;
    }
  }

  override cleanup(): void {
    console.log('cleaned up');
  }
}

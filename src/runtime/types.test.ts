import { describe, expectTypeOf, test } from 'vitest';
import {
  Node,
  SourceNode,
  StreamingNode,
  registerNode,
  type AnyNode,
  type ManyOutputs,
  type NodeClass,
  type ProcessResult,
} from '../node/index.js';
import {
  executePipeline,
  executePipelineWithInput,
  Pipeline,
  type PipelineResult,
  type PipelineStream,
} from './index.js';

class Length extends Node<string, number> {
  process(text: string): number {
    return text.length;
  }
}

class Stars extends Node<number, string> {
  *process(count: number): Generator<string> {
    for (let index = 0; index < count; index++) yield '*';
  }
}

class Later extends Node<number, number> {
  async process(value: number): Promise<number | undefined> {
    return value === 0 ? undefined : value;
  }
}

class Sum extends StreamingNode<number, number> {
  async *stream(input: AsyncIterable<number>): AsyncGenerator<number> {
    let sum = 0;
    for await (const value of input) yield (sum += value);
  }
}

class Ticks extends SourceNode<number> {
  *source(): Generator<number> {
    yield 1;
  }
}

/** What is only compiled. */
function expectTypes(run: () => unknown): void {
  expectTypeOf(run).toBeFunction();
}

describe('pipe()', () => {
  test('knows what goes in and comes out', () => {
    const pipeline = new Pipeline<string>().pipe(new Length()).pipe(new Later()).pipe(new Stars());
    expectTypeOf(pipeline).toEqualTypeOf<Pipeline<string, string>>();
    expectTypeOf(pipeline.stream([''])).toEqualTypeOf<PipelineStream<string>>();
    expectTypes(() => {
      expectTypeOf(pipeline.run('x')).resolves.toEqualTypeOf<string | string[] | undefined>();
    });
    expectTypeOf(Pipeline.from(new Length()).pipe(new Sum())).toEqualTypeOf<Pipeline<string, number>>();
    expectTypeOf(Pipeline.from(new Ticks()).pipe(new Stars())).toEqualTypeOf<Pipeline<undefined, string>>();
  });

  test('refuses what does not fit', () => {
    expectTypes(() =>
      new Pipeline<string>()
        .pipe(new Length())
        // @ts-expect-error -- Length gives numbers, and takes texts.
        .pipe(new Length()),
    );
    expectTypes(() =>
      new Pipeline<number>()
        // @ts-expect-error -- the input is numbers.
        .pipe(new Length()),
    );
    expectTypes(() =>
      Pipeline.from(new Stars())
        // @ts-expect-error -- Sum takes numbers.
        .pipe(new Sum()),
    );
    expectTypes(() =>
      Pipeline.from(new Length())
        // @ts-expect-error -- a source takes nothing.
        .pipe(new Ticks()),
    );
    expectTypes(() =>
      // @ts-expect-error -- Length takes texts.
      Pipeline.from(new Length()).run(5),
    );
    expectTypes(() =>
      // @ts-expect-error -- a class is no node.
      new Pipeline().pipe(Length),
    );
    expectTypes(() =>
      // @ts-expect-error -- Stars gives texts.
      new Pipeline().connect(new Stars(), new Sum()),
    );
  });

  test('takes nodes of any types', () => {
    const node: AnyNode = new Ticks();
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- its types are not known.
    expectTypeOf(new Pipeline().pipe(node).pipe(new Stars())).toEqualTypeOf<Pipeline<any, string>>();
    expectTypes(() => new Pipeline([new Ticks(), new Stars(), { node_type: 'PassThrough' }]));
    expectTypes(() => new Pipeline().add(new Ticks()).add(new Sum()).connect(new Length(), new Stars()));
    expectTypes(() => executePipeline([new Ticks(), new Stars()]));
    expectTypes(() => executePipeline(new Pipeline<string>().pipe(new Length())));
    expectTypes(() => executePipeline(Pipeline.from(new Ticks())));
    expectTypes(() => new Pipeline().add({ initialize() {}, process: (value: number) => value }));
  });
});

describe('a node', () => {
  test('of any kind is an AnyNode, and its class a NodeClass', () => {
    expectTypeOf<Length | Stars | Later | Sum | Ticks>().toExtend<AnyNode>();
    expectTypeOf<typeof Length | typeof Sum | typeof Ticks>().toExtend<NodeClass>();
    expectTypes(() => {
      registerNode(Ticks);
    });
  });

  test('may give outputs in every way', () => {
    expectTypeOf<number>().toExtend<ProcessResult<number>>();
    expectTypeOf<undefined>().toExtend<ProcessResult<number>>();
    expectTypeOf<Promise<number>>().toExtend<ProcessResult<number>>();
    expectTypeOf<Promise<undefined>>().toExtend<ProcessResult<number>>();
    expectTypeOf<Generator<number>>().toExtend<ProcessResult<number>>();
    expectTypeOf<AsyncGenerator<number>>().toExtend<ProcessResult<number>>();
    expectTypeOf<Promise<Generator<number>>>().toExtend<ProcessResult<number>>();
    expectTypeOf<ArrayIterator<number>>().toExtend<ManyOutputs<number>>();
    expectTypeOf<MapIterator<number>>().toExtend<ProcessResult<number>>();
    expectTypeOf<string>().not.toExtend<ProcessResult<number>>();
    expectTypeOf<number[]>().not.toExtend<ProcessResult<number>>();
    expectTypeOf<Generator<string>>().not.toExtend<ProcessResult<number>>();
  });

  test('that gives what it does not say is a compile error', () => {
    class Wrong extends Node<number, number> {
      // @ts-expect-error -- it says that it gives numbers.
      process(value: number): string {
        return String(value);
      }
    }
    expectTypeOf<Wrong>().toExtend<AnyNode>();
  });
});

test('metrics change what a run gives', () => {
  expectTypes(() => {
    const pipeline = new Pipeline<string>().pipe(new Length());
    expectTypeOf(pipeline.run('x', { enableMetrics: true })).resolves.toEqualTypeOf<PipelineResult>();
    expectTypeOf(executePipeline([], { enableMetrics: true })).resolves.toEqualTypeOf<PipelineResult>();
    expectTypeOf(
      executePipelineWithInput([], [], { enableMetrics: true }),
    ).resolves.toEqualTypeOf<PipelineResult>();
    expectTypeOf(executePipelineWithInput([], [])).resolves.toBeUnknown();
  });
});

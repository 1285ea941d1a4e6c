import { registerNode } from '../node/index.js';
import { CalculatorNode } from './calculator-node.js';
import { Chunker } from './chunker.js';
import { JsonLinesSink } from './json-lines-sink.js';
import { LevelMeter } from './level-meter.js';
import { PassThroughNode } from './pass-through-node.js';
import { Resampler } from './resampler.js';
import { TextSink } from './text-sink.js';
import { WavDecoder } from './wav-decoder.js';
import { WavSource } from './wav-source.js';

// Nodes import what is heavy (decoders, WebAssembly) in initialize(): every program loads this module.
for (const nodeClass of [
  CalculatorNode,
  Chunker,
  JsonLinesSink,
  LevelMeter,
  PassThroughNode,
  Resampler,
  TextSink,
  WavDecoder,
  WavSource,
]) {
  registerNode(nodeClass);
}

export type { Numeric, Operation } from './arithmetic.js';
export {
  CalculatorNode,
  type CalculatorAnswer,
  type CalculatorInput,
  type CalculatorOptions,
  type CalculatorOutput,
  type CalculatorRequest,
} from './calculator-node.js';
export { Chunker, type ChunkerOptions } from './chunker.js';
export { JsonLinesSink, type JsonLinesSinkOptions } from './json-lines-sink.js';
export { toJsonLine } from './json-lines.js';
export { LevelMeter, type AudioLevel, type LevelMeterOptions } from './level-meter.js';
export { PassThroughNode } from './pass-through-node.js';
export { Resampler, type ResamplerOptions, type ResamplerQuality } from './resampler.js';
export { TextSink, type TextSinkOptions } from './text-sink.js';
export { WavDecoder, type WavDecoderInput, type WavDecoderOptions } from './wav-decoder.js';
export { WavSource, type WavSourceOptions } from './wav-source.js';

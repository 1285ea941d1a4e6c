import { Tensor, type TypedArray } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import {
  compute,
  computeArray,
  computeTensor,
  isNumeric,
  notComputable,
  OPERATIONS,
  type Numeric,
  type Operation,
} from './arithmetic.js';
import { describeValue, oneOf, optionError } from './options.js';

/** What {@link CalculatorNode} takes. */
export interface CalculatorOptions extends NodeOptions {
  /** What to do with each item. Needed unless the items name their operation. */
  readonly operation?: Operation | undefined;
  /** The number on the right of the operation. Needed together with `operation`. */
  readonly operand?: Numeric | undefined;
}

/** An item that names its own operation. */
export interface CalculatorRequest {
  /** `add`, `subtract`, `multiply`, `divide`, `power` or `modulo`. */
  readonly operation: string;
  /** The two numbers; further ones are ignored. */
  readonly args: readonly unknown[];
}

/** The answer to a {@link CalculatorRequest}: `result`, or `error` where it cannot be computed. */
export interface CalculatorAnswer {
  /** As the request named it. */
  readonly operation?: unknown;
  /** As the request gave them. */
  readonly args?: unknown;
  /** What was computed. */
  readonly result?: Numeric;
  /** Why it could not be computed, in words. */
  readonly error?: string;
  /** `CalculatorNode[name]` */
  readonly processed_by: string;
  /** The node's own parameters; there with `result`. */
  readonly node_config?: Readonly<Record<string, unknown>>;
}

/** What {@link CalculatorNode} computes with; `""` and `null` give no output. */
export type CalculatorInput = Numeric | TypedArray | Tensor | CalculatorRequest | '' | null;

/** What {@link CalculatorNode} gives for an item of this type. */
export type CalculatorOutput<Item = CalculatorInput> = Item extends CalculatorRequest
  ? CalculatorAnswer
  : Item extends TypedArray
    ? TypedArray
    : Item extends Tensor
      ? Tensor
      : Numeric;

/**
 * Computes `item operation operand` for numbers and bigints, and for typed arrays and Tensors element by element, by Python's rules:
 * modulo has the sign of the divisor, and whole numbers stay exact (past 2⁵³ as bigint). Whole elements divided become float64;
 * a result that does not fit its element type is an error. An item `{operation, args: [a, b]}` is answered by an object with `result`, or with
 * `error` where it cannot be computed. `""` or `null` (a run without input) gives no output.
 *
 * @example
 * ```ts
 * await executePipelineWithInput([new CalculatorNode({ operation: 'multiply', operand: 2 })], [1, 2, 3]); // [2, 4, 6]
 * ```
 */
export class CalculatorNode<Item extends CalculatorInput = Numeric> extends Node<
  Item,
  CalculatorOutput<Item>
> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string =
    'Computes with numbers, and with arrays and tensors element by element.';
  /** What of {@link CalculatorOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      operation: {
        type: 'string',
        enum: OPERATIONS,
        description: 'What to do with each item. Needed unless the items name their operation.',
      },
      operand: { type: 'number', description: 'The number on the right of the operation.' },
    },
  };

  /** What is done with each item, or `undefined` where the items say so. */
  readonly operation: Operation | undefined;
  /** The number on the right of the operation. */
  readonly operand: Numeric | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` for an unknown operation or an operand that is no number. */
  constructor(options: CalculatorOptions = {}) {
    super(options);
    const { operation, operand } = options;
    if (operation !== undefined || operand !== undefined) {
      oneOf('Calculator', 'operation', OPERATIONS, operation);
      if (!isNumeric(operand) || Number.isNaN(operand))
        throw optionError('Calculator', 'operand', 'a number', operand);
    }
    this.operation = operation;
    this.operand = operand;
  }

  /** @throws RemoteMediaError `RM_INVALID_INPUT` for a division by zero and for items that cannot be computed with. */
  process(item: Item): CalculatorOutput<Item> | undefined {
    return this.#compute(item) as CalculatorOutput<Item> | undefined;
  }

  #compute(item: CalculatorInput): Numeric | TypedArray | Tensor | CalculatorAnswer | undefined {
    if (item === '' || item === null) return undefined;
    if (isNumeric(item)) return compute(...this.#own(item), this.operand ?? 0);
    if (item instanceof Tensor) return computeTensor(...this.#own(item), this.operand ?? 0);
    if (isTypedArray(item)) return computeArray(...this.#own(item), this.operand ?? 0);
    if (isRequest(item)) return this.#answer(item);
    throw notComputable(item);
  }

  #own<Item>(item: Item): [Operation, Item] {
    if (this.operation !== undefined) return [this.operation, item];
    throw new RemoteMediaError(
      'RM_INVALID_INPUT',
      `Calculator: got ${describeValue(item)}, but was made without an operation. Make it with { operation, operand }, or give it items {operation, args}.`,
    );
  }

  #answer(request: Partial<CalculatorRequest>): CalculatorAnswer {
    const { operation, args } = request;
    const processed_by = `CalculatorNode[${this.name ?? 'CalculatorNode'}]`;
    try {
      const result = computeRequest(operation, args);
      const node_config: Record<string, unknown> = {};
      if (this.operation !== undefined)
        Object.assign(node_config, { operation: this.operation, operand: this.operand });
      return { operation, args, result, processed_by, node_config };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error), operation, args, processed_by };
    }
  }
}

function computeRequest(operation: unknown, args: unknown): Numeric {
  const known = oneOf('Calculator', 'operation', OPERATIONS, operation);
  if (!Array.isArray(args) || args.length < 2)
    throw optionError('Calculator', 'args', 'an array of two numbers', args);
  const [a, b] = args as unknown[];
  if (!isNumeric(a)) throw optionError('Calculator', 'args[0]', 'a number', a);
  if (!isNumeric(b)) throw optionError('Calculator', 'args[1]', 'a number', b);
  return compute(known, a, b);
}

function isTypedArray(item: unknown): item is TypedArray {
  return ArrayBuffer.isView(item) && !(item instanceof DataView) && !(item instanceof Uint8ClampedArray);
}

function isRequest(item: unknown): item is Partial<CalculatorRequest> {
  return typeof item === 'object' && item !== null && ('operation' in item || 'args' in item);
}

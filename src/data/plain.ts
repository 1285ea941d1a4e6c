/** A value that JSON can hold. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** A complex number; a `complex` in Python. */
export class Complex {
  /** Real part, a 64-bit float in Python too. */
  readonly re: number;
  /** Imaginary part, a 64-bit float in Python too. */
  readonly im: number;

  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** Exported from TypeScript: goes by reference where the other side can load TypeScript, too. */
export class Scale {
  private readonly factor: number;
  constructor(factor: number) {
    this.factor = factor;
  }
  apply(value: number): number {
    return value * this.factor;
  }
}

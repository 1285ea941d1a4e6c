export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}
export function readTotals(folder?: string, report?: (line: string) => void): Totals;
export function formatTotals(totals: Totals): string;
export function totalsOfVitest(json: string): Totals;
export function totalsOfPytest(xml: string): Totals;

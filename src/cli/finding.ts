/** One thing that was looked at. */
export interface Finding {
  readonly state: 'ok' | 'missing' | 'optional';
  readonly what: string;
  /** What to do about it. */
  readonly advice?: string;
}

import { Node } from 'remotemedia';

/** What the recognizer and the sentiment node say of an utterance. */
interface Utterance {
  readonly startUs: number;
  readonly endUs: number;
  readonly text: string;
  readonly sentiment: number;
}

/** An utterance as it is shown. */
export interface FormattedUtterance {
  /** Seconds from the start of the recording. */
  readonly start: number;
  /** Seconds from the start of the recording. */
  readonly end: number;
  readonly text: string;
  readonly sentiment: 'negative' | 'neutral' | 'positive';
  /** From −1 to 1. */
  readonly score: number;
}

/** Rounds the times, and puts the sentiment into a word. */
export class FormatUtterance extends Node<Utterance, FormattedUtterance> {
  static readonly description = 'Rounds the times of an utterance, and puts its sentiment into a word.';

  process({ startUs, endUs, text, sentiment }: Utterance): FormattedUtterance {
    const word = sentiment <= -0.05 ? 'negative' : sentiment >= 0.05 ? 'positive' : 'neutral';
    const seconds = (timeUs: number): number => Math.round(timeUs / 1e4) / 100;
    return { start: seconds(startUs), end: seconds(endUs), text, sentiment: word, score: sentiment };
  }
}

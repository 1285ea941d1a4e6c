import { appendFileSync } from 'node:fs';
import * as threads from 'node:worker_threads';
import type { AnyNode } from 'remotemedia';
import { makeFixture } from './fixtures.js';
import type { CaseNode } from './harness.js';

/** A fixture node that takes its journal along: it writes into this file from wherever it is. */
export function makeTravelling(fixture: CaseNode, file: string): AnyNode {
  return makeFixture(fixture, {
    push: (entry) => {
      appendFileSync(file, `${placeName()} ${entry}\n`);
    },
  });
}

/** Which thread of which process this is. */
export function placeName(): string {
  return `${String(process.pid)}-${String(threads.threadId)}`;
}

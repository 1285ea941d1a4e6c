import { ERROR_CODES } from 'remotemedia';
import { describe, expect, it } from 'vitest';
import { readMarkdown } from './markdown.js';

const sections = readMarkdown('docs/errors.md')
  .split(/^### (?=RM_)/m)
  .slice(1)
  .map((section) => ({ code: section.split('\n', 1)[0]?.trim() ?? '', text: section }));

describe('docs/errors.md', () => {
  it('has a section for each error code, in the order of the code', () => {
    expect(sections.map(({ code }) => code)).toEqual(Object.keys(ERROR_CODES));
  });

  it.each(sections)('shows for $code what it means, an example and a cure', ({ code, text }) => {
    expect(text).toContain(ERROR_CODES[code as keyof typeof ERROR_CODES]);
    expect(text).toMatch(/^```text\n.+^```$/ms);
    expect(text).toMatch(/^\*\*What to do:\*\* \S/m);
  });
});

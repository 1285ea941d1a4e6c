import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, markdownFiles, readMarkdown, relativeLinks, ROOT } from './markdown.js';

describe('links between pages', () => {
  it.each(markdownFiles())('%s links only to what is there', (page) => {
    const problems = relativeLinks(readMarkdown(page)).flatMap(({ path, anchor }) => {
      const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
      if (!existsSync(join(ROOT, target))) return [`there is no ${target}`];
      if (anchor === '' || !target.endsWith('.md')) return [];
      return anchorsOf(readMarkdown(target)).has(anchor) ? [] : [`${target} has no heading #${anchor}`];
    });
    expect(problems).toEqual([]);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The project's folder. */
export const ROOT: string = join(import.meta.dirname, '..', '..');

const SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'dist', 'api', 'coverage', 'build']);

/** All Markdown files of the project, relative to its folder. */
export function markdownFiles(folder: string = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) return [];
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith('.md') ? [relative(ROOT, path)] : [];
  });
}

/** The text of a Markdown file. */
export function readMarkdown(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** A fenced block that a comment in front of it marks. */
export interface MarkedBlock {
  /** `run`, `output`, or `file` with a name. */
  readonly mark: 'run' | 'output' | 'file';
  /** Name of the file, where the mark gives one. */
  readonly name: string | undefined;
  readonly language: string;
  readonly text: string;
  /** Line of the fence, from 1. */
  readonly line: number;
}

const MARKED_BLOCK = /^<!-- (run|output|file)(?:: ([\w./-]+))? -->\n+```(\w*)\n(.*?)^```$/gms;

/**
 * The marked blocks of a page. `<!-- run -->` is a program that must succeed (a YAML block: a manifest that must be valid), `<!-- file: x -->`
 * is written to that name for the blocks behind it, and `<!-- output -->` is what the program before it prints ("…" for what differs from run to run).
 */
export function markedBlocks(markdown: string): MarkedBlock[] {
  return [...markdown.matchAll(MARKED_BLOCK)].map((match) => ({
    mark: match[1] as MarkedBlock['mark'],
    name: match[2],
    language: match[3] ?? '',
    text: match[4] ?? '',
    line: markdown.slice(0, match.index).split('\n').length + 1,
  }));
}

/** Every mark of a page, also one that no fence follows. */
export function countMarks(markdown: string): number {
  return [...markdown.matchAll(/^<!-- (run|output|file)\b/gm)].length;
}

/** A link of a page to another place of the project. */
export interface RelativeLink {
  /** Path relative to the page's folder; empty for the page itself. */
  readonly path: string;
  /** What stands behind `#`; empty where nothing does. */
  readonly anchor: string;
}

/** The relative links and pictures of a page. */
export function relativeLinks(markdown: string): RelativeLink[] {
  const prose = withoutCode(markdown);
  const targets = [...prose.matchAll(/\]\(([^()\s]+)\)/g), ...prose.matchAll(/\b(?:src|href)="([^"]+)"/g)];
  return targets.flatMap((match) => {
    const target = match[1] ?? '';
    if (/^[a-z]+:/i.test(target)) return [];
    const [path = '', anchor = ''] = target.split('#');
    return [{ path, anchor }];
  });
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  const headings = markdown.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#{1,6} +(.+?) *$/gm);
  for (const [, heading = ''] of headings) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let unique = slug;
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${String(count)}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
}

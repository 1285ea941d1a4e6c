const TYPESCRIPT_PREFIX = 'typescript:';
const FILE = /^(.+\.(?:[mc]?[jt]s|py))#([\w$.]+)$/;

/** A node type that names a class in a file. */
export interface FileType {
  /** Path of the file, as written. */
  readonly file: string;
  readonly className: string;
}

/** The file and class that a node type names, where it does. */
export function fileOf(type: string): FileType | undefined {
  const [, file, className] = FILE.exec(type) ?? [];
  return file === undefined || className === undefined ? undefined : { file, className };
}

/** The language that a node type states by itself: by a prefix, or by the ending of a file. A bare name states none. */
export function languageOfType(type: string): 'python' | 'typescript' | undefined {
  if (type.startsWith(TYPESCRIPT_PREFIX)) return 'typescript';
  if (type.startsWith('python:')) return 'python';
  const file = fileOf(type)?.file;
  if (file === undefined) return undefined;
  return file.endsWith('.py') ? 'python' : 'typescript';
}

/** A TypeScript node type without the prefix that says so. */
export function withoutLanguage(type: string): string {
  return type.startsWith(TYPESCRIPT_PREFIX) ? type.slice(TYPESCRIPT_PREFIX.length) : type;
}

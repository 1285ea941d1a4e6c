import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeCause, RemoteMediaError } from '../errors/index.js';

/** Bytes that can be read at any place. */
export interface ByteSource {
  /** What error messages call it, such as `"speech.wav"`. */
  readonly name: string;
  readonly byteLength: number;
  /** The bytes from `start` to before `end`; fewer where the source ends earlier. */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes in memory; they are read in place and must not change meanwhile. */
export function bytesInMemory(data: Uint8Array, name: string): ByteSource {
  return {
    name: `${name} (${data.byteLength} bytes)`,
    byteLength: data.byteLength,
    read: async (start, end) => data.subarray(start, end),
    close: async () => undefined,
  };
}

/**
 * Opens a file for reading.
 *
 * @throws RemoteMediaError `RM_MEDIA` where it is missing, no regular file or unreadable.
 */
export async function openFile(path: string): Promise<ByteSource> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const stats = await file.stat();
    if (!stats.isFile()) throw notRegular(path, stats.isDirectory());
    return fileSource(file, path, stats.size);
  } catch (error) {
    await file?.close();
    throw error instanceof RemoteMediaError ? error : cannotOpen(path, error);
  }
}

function fileSource(file: FileHandle, path: string, byteLength: number): ByteSource {
  return {
    name: JSON.stringify(path),
    byteLength,
    async read(start, end) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, byteLength) - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    close: () => file.close(),
  };
}

function notRegular(path: string, isDirectory: boolean): RemoteMediaError {
  const problem = isDirectory ? 'is a folder' : 'is no regular file (a device or a pipe)';
  return new RemoteMediaError('RM_MEDIA', `${JSON.stringify(path)} ${problem}. Give the path of a file.`);
}

function cannotOpen(path: string, error: unknown): RemoteMediaError {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const message = isMissing
    ? `${JSON.stringify(path)} does not exist (looked for ${resolve(path)}). Check the path; relative ones start at the working directory.`
    : `${JSON.stringify(path)} cannot be opened: ${describeCause(error)}. Check its permissions.`;
  return new RemoteMediaError('RM_MEDIA', message, { cause: error });
}

// The other versions of Node.js that the tests run programs with: their binaries, from registry packages, in .cache/node.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './commands.mjs';
import { ROOT } from './setup-python.mjs';

const VERSIONS = ['22', '24'];

/** Where the binary of a version is, or would be. */
export function nodeBinary(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const binary = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
  return {
    package: name,
    folder: join(ROOT, '.cache', 'node', version),
    path: join(ROOT, '.cache', 'node', version, 'node_modules', name, binary),
  };
}

/** The versions that are there. */
export function nodeVersions() {
  return VERSIONS.map((version) => ({ version, path: nodeBinary(version).path })).filter(({ path }) =>
    existsSync(path),
  );
}

/** Installs those that are missing; gives whether all are there. */
export async function setupNodeVersions() {
  for (const version of VERSIONS) {
    const { package: name, folder, path } = nodeBinary(version);
    if (existsSync(path)) continue;
    const options = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder];
    await runCommand(['npm', 'install', ...options, `${name}@${version}`], { shell: true });
  }
  return nodeVersions().length === VERSIONS.length;
}

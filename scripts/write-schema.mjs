// Writes the JSON Schema of manifests, which the package publishes, from the definition that validates them.
// Part of `npm run build`; a unit test fails where the committed file is not what this writes.
import { mkdir, writeFile } from 'node:fs/promises';
import { manifestJsonSchema } from '../dist/manifest/index.js';

const target = new URL('../schema/manifest.v1.json', import.meta.url);
await mkdir(new URL('.', target), { recursive: true });
await writeFile(target, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);

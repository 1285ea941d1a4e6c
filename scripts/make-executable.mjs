// npm sets this bit where it installs a command; a checkout has to do it itself. Part of `npm run build`.
import { chmod } from 'node:fs/promises';

await chmod(new URL('../dist/cli/main.js', import.meta.url), 0o755);

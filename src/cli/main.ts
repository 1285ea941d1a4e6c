#!/usr/bin/env node
import { runCli } from './program.js';

const STREAMS = [process.stdout, process.stderr];

// Whoever writes sees a failed write; without a listener it would end the program before that.
for (const stream of STREAMS) stream.on('error', () => undefined);

const code = await runCli(process.argv.slice(2));
for (const stream of STREAMS) await new Promise((resolve) => stream.write('', resolve));
// Not left to the event loop: a timer or a socket of the user's own module must not keep a finished command.
process.exit(code);

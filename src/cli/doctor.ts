import { EXIT } from './exit-code.js';
import { findTsx, stripsTypes } from '../catalog/index.js';
import { inspectPython } from './python-report.js';
import { print } from './stdout.js';
import { sharedMemoryFindings } from './shared-memory-report.js';
import type { Finding } from './finding.js';

const OLDEST_NODE = 20;

/** `remotemedia doctor`: what is installed, what is missing, and how to get it. */
export async function doctor(): Promise<number> {
  const findings = [platform(), node(), ...(await python()), tsx(), ...sharedMemoryFindings()];
  const lines = findings.map(
    ({ state, what, advice }) =>
      `${LABELS[state]}  ${what}\n${advice === undefined ? '' : `          ${advice}\n`}`,
  );
  const isMissing = findings.some(({ state }) => state === 'missing');
  await print(
    `${lines.join('')}\n${isMissing ? 'Something is missing; see above.' : 'All that is needed is there.'}\n`,
  );
  return isMissing ? EXIT.missing : EXIT.ok;
}

const LABELS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok      ',
  missing: 'missing ',
  optional: 'not here',
};

function platform(): Finding {
  return { state: 'ok', what: `platform: ${process.platform} ${process.arch}` };
}

function node(): Finding {
  const what = `Node.js ${process.versions.node}`;
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) return { state: 'ok', what };
  return { state: 'missing', what, advice: `Install Node.js ${OLDEST_NODE} or newer.` };
}

async function python(): Promise<Finding[]> {
  const report = await inspectPython();
  if ('problem' in report)
    return [{ state: 'missing', what: `Python: ${report.problem}`, advice: report.advice }];
  const { path, source, version, modules } = report;
  const findings: Finding[] = [{ state: 'ok', what: `Python ${version}: ${path} (${source})` }];
  const install = (name: string): string => `Run: ${path} -m pip install ${name}`;
  findings.push(
    modules.msgspec === null
      ? { state: 'missing', what: 'msgspec, which Python nodes need', advice: install('msgspec') }
      : { state: 'ok', what: `msgspec ${modules.msgspec}` },
    modules.numpy === null
      ? {
          state: 'optional',
          what: 'numpy, which Python nodes need for audio and arrays',
          advice: install('numpy'),
        }
      : { state: 'ok', what: `numpy ${modules.numpy}` },
  );
  return findings;
}

function tsx(): Finding {
  if (findTsx(process.cwd()) !== undefined)
    return { state: 'ok', what: 'tsx, for pipelines written in TypeScript' };
  if (stripsTypes())
    return { state: 'ok', what: 'pipelines written in TypeScript: Node.js loads them itself' };
  return {
    state: 'optional',
    what: 'tsx, which pipelines written in TypeScript need',
    advice: 'Run in your project: npm install --save-dev tsx',
  };
}

import { configureHosts, type AnyNode } from 'remotemedia';
import { roleOf } from '../../dist/node/index.js';
import { describeInstanceTable } from './instance-harness.js';
import { isShared, WAYS, type CaseNode, type ConformanceCase } from './harness.js';

configureHosts({ maxIdle: 4 });

/** What is refused is tested elsewhere. */
function canBeRestarted(testCase: ConformanceCase, fixture: CaseNode, node: AnyNode): boolean {
  const edges = (testCase.connections ?? []).filter(([, to]) => to === fixture.id);
  const drops = edges.some(([, , queue]) => typeof queue === 'object' && queue.when_full !== undefined);
  return roleOf(node) === 'process' && fixture.fan_in === undefined && !drops && !isShared(testCase, fixture);
}

describeInstanceTable({
  name: 'a worker each that would be started again',
  executor: 'worker',
  settingsOf: (testCase, fixture, node) => (canBeRestarted(testCase, fixture, node) ? { restart: 1 } : {}),
  ways: WAYS.filter(({ name }) => !name.startsWith('collected')),
});

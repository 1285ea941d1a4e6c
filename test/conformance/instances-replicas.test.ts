import { configureHosts } from 'remotemedia';
import { canHaveReplicas, WAYS } from './harness.js';
import { describeInstanceTable } from './instance-harness.js';

// Each case takes several workers: those of the one before serve the next.
configureHosts({ maxIdle: 8 });

describeInstanceTable({
  name: 'two workers each',
  executor: 'worker',
  settingsOf: (testCase, node) => (canHaveReplicas(testCase, node) ? { replicas: 2 } : {}),
  ways: WAYS.filter(({ name }) => !name.startsWith('collected')),
});

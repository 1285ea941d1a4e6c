import { describeInstanceTable } from './instance-harness.js';

describeInstanceTable({ name: 'one worker', executor: 'worker', group: 'case' });
describeInstanceTable({ name: 'a worker each', executor: 'worker' });

import { describeInstanceTable } from './instance-harness.js';

describeInstanceTable({ name: 'one process', executor: 'process', group: 'case' });

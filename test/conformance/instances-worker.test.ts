import { describeInstanceTable } from './instance-harness.js';

describeInstanceTable('worker', 'case');
describeInstanceTable('worker', undefined);

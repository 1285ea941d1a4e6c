import { describeInstanceTable } from './instance-harness.js';

describeInstanceTable('process', 'case');

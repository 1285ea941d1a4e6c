import { describeTypeScriptTable } from './typescript-harness.js';

describeTypeScriptTable('thread');

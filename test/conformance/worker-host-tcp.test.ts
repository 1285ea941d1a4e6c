import { describeTypeScriptTable } from './typescript-harness.js';

// Before anything asks for an address; test files have processes of their own.
process.env['REMOTEMEDIA_TRANSPORT'] = 'tcp';

describeTypeScriptTable('thread');

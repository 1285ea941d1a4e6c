import { describePythonTable } from './python-harness.js';

process.env['REMOTEMEDIA_TRANSPORT'] = 'tcp';

describePythonTable('the Python host over TCP', () => 'python');

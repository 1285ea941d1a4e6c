import { describePythonTable } from './python-harness.js';

describePythonTable('the Python host', () => 'python');

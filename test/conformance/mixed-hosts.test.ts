import { describePythonTable } from './python-harness.js';

describePythonTable('TypeScript and Python nodes in turn', (_, index) =>
  index % 2 === 0 ? 'typescript' : 'python',
);
describePythonTable('Python and TypeScript nodes in turn', (_, index) =>
  index % 2 === 0 ? 'python' : 'typescript',
);
describePythonTable('two Python hosts in turn', (_, index) => (index % 2 === 0 ? 'python' : 'other-python'));

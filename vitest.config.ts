import { availableParallelism } from 'node:os';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 } as const;

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ['default', 'json'],
    // scripts/test.mjs adds these up with the ones of pytest.
    outputFile: { json: '.cache/test-results/vitest.json' },
    // On two cores one of them would be left idle, and most tests wait for processes of their own.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { test: { ...shared, name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['test/**/*.test.ts'],
          // Node.js loads the built package itself: worker entries are found as they are once published.
          server: { deps: { external: [/\/dist\//] } },
        },
      },
    ],
  },
});

export default config;

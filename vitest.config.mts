import { defineConfig } from 'vitest/config';

/** The tests in the real editor have a configuration of their own in test/e2e. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    // Searches take their time on a machine that others use as well.
    testTimeout: 60_000,
    // One core less than there are would leave one of two.
    maxWorkers: '100%',
  },
});

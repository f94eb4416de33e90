import { writeFileSync } from 'node:fs';

// Hands the counts of a jest run to fleet/test.mjs, which prints them as the last line of all, once the services are
// stopped. Under plain jest there is nobody to hand them to, so they are printed here.
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      // A suite that could not even run hides its tests: it counts as one that failed.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites + (results.wasInterrupted ? 1 : 0),
      skipped: results.numPendingTests + results.numTodoTests,
    };
    const file = process.env.MAILFLEET_TEST_COUNTS;
    if (file === undefined) {
      const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
      process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
      return;
    }
    writeFileSync(file, JSON.stringify(counts));
    process.send?.('done');
  }
}

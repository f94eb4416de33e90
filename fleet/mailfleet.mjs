#!/usr/bin/env node
// The command line as the package's program.
process.argv.splice(2, 0, 'cli/main');
await import('./run.mjs');

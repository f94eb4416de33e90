const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
      module: { type: 'es6' },
    },
  ],
};
const project = (displayName, testMatch) => ({
  displayName,
  // Jest does not resolve <rootDir> behind a `!`.
  testMatch: testMatch.map((pattern) => (pattern.startsWith('!') ? `!**/${pattern.slice(1)}` : `<rootDir>/${pattern}`)),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.mailfleet/'],
  transform,
});
// unit: no service. db and kafka: the embedded services, which fleet/test.mjs starts. fleet: whole processes.
const db = ['test/shared/db/**/*.test.ts', 'test/**/*.db.test.ts'];
const kafka = ['test/**/*.kafka.test.ts'];
const fleet = ['test/**/*.fleet.test.ts'];
const not = (patterns) => patterns.map((pattern) => `!${pattern}`);

export default {
  // The services answer within milliseconds, but a cold one or a busy machine may take seconds.
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/test/support/count-reporter.mjs'],
  projects: [
    project('unit', ['test/**/*.test.ts', ...not([...db, ...kafka, ...fleet])]),
    project('db', [...db, ...not([...kafka, ...fleet])]),
    project('kafka', kafka),
    project('fleet', fleet),
  ],
};

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
  testMatch: testMatch.map((pattern) => `<rootDir>/test/${pattern}`),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
});
// unit: no service. db and kafka: the embedded services. fleet: whole processes.
const db = ['shared/db/**/*.test.ts'];
const kafka = ['shared/runtime/**/*.kafka.test.ts'];
const fleet = ['fleet/**/*.fleet.test.ts'];
const not = (patterns) => patterns.map((pattern) => `!<rootDir>/test/${pattern}`);

export default {
  projects: [
    {
      ...project('unit', ['**/*.test.ts']),
      testMatch: ['<rootDir>/test/**/*.test.ts', ...not([...db, ...kafka, ...fleet])],
    },
    project('db', db),
    project('kafka', kafka),
    project('fleet', fleet),
  ],
};

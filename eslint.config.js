import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      '.mailfleet/**',
      'migrations/sql/**',
      '**/*.cjs',
      'eslint.config.js',
      'jest.config.js',
      'knip.config.js',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only shared/config/env.ts reads the environment.' },
      ],
      'no-console': 'error',
    },
  },
  {
    // These are the edges that read the environment or own the terminal.
    files: ['shared/config/env.ts', 'fleet/**', 'test/**', 'bench/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Programs whose output is for a person at a terminal.
    files: ['fleet/**', 'bench/**', 'producers/seed/**', 'producers/loadtest/**', 'migrations/**'],
    rules: { 'no-console': 'off' },
  },
  {
    // A row's type is named where its statement stands: `query<Row>` is as far as types reach into SQL.
    files: ['shared/db/**'],
    rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' },
  },
  { files: ['**/*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
);

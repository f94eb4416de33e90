import { bodyCases } from './bodies.ts';
import { fileCases } from './files.ts';
import type { SameMessageCase } from './one-case.ts';
import { peopleCases } from './people.ts';
import { subjectCases } from './subjects.ts';
import { templateCases } from './templates.ts';

/** The requests that must come out the same through every ESP. */
export const sameMessageCases: readonly SameMessageCase[] = [
  ...peopleCases,
  ...subjectCases,
  ...templateCases,
  ...bodyCases,
  ...fileCases,
];

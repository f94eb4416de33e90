import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { ZodType } from 'zod';
import { fleetEnv } from '../../fleet/settings.ts';
import { envGroups } from '../../shared/config/env.ts';

const lines = readFileSync('.env.example', 'utf8').split('\n');
const documented = lines.flatMap((line, index) => {
  const [, name, value = ''] = /^# ([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
  return name === undefined ? [] : [{ name, value, comment: lines[index - 1] ?? '' }];
});

const schemas = new Map<string, ZodType>(
  [...Object.values(envGroups), fleetEnv].flatMap((group) => Object.entries<ZodType>(group)),
);

const defaultOf = (schema: ZodType | undefined): string => {
  const parsed = schema?.safeParse(undefined);
  const value = parsed?.success === true ? parsed.data : undefined;
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

describe('.env.example', () => {
  test('names every variable once, and no other', () => {
    expect(documented.map(({ name }) => name).sort()).toEqual([...schemas.keys()].sort());
  });

  test('has nothing uncommented: a copy of it changes nothing', () => {
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });

  test.each(documented.map(({ name, value, comment }) => [name, value, comment]))(
    '%s shows its default and says what it is',
    (name, value, comment) => {
      expect(value).toBe(defaultOf(schemas.get(name)));
      expect(comment).toMatch(/^# [A-Za-z0-9].*\.$/);
    },
  );
});

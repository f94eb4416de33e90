import { describe, expect, test } from '@jest/globals';
import { lastWords } from '../../fleet/last-words.ts';

const after = (...lines: readonly string[]): string => {
  const words = lastWords();
  lines.forEach(words.hear);
  return words.text();
};

describe('the last words of a process', () => {
  test('are the last fault of its log with its reason', () => {
    const log = (level: string, msg: string, message: string) => JSON.stringify({ level, msg, err: { message } });
    expect(after(log('fatal', 'cannot go on', 'no route to Kafka'), '{"level":"info","msg":"stopped"}')).toBe(
      'cannot go on: no route to Kafka',
    );
  });

  test('are what it threw, without the stack', () => {
    const text = after(
      'node:internal/x',
      'ConfigError: The settings cannot be used:',
      '  - KAFKA_BROKERS: is not set',
      '    at parseEnv (env.ts:1)',
      'Node.js v20',
    );
    expect(text).toBe('ConfigError: The settings cannot be used:\n  - KAFKA_BROKERS: is not set');
  });

  test('are said to be missing when there are none', () => {
    expect(after()).toBe('it said nothing');
  });
});

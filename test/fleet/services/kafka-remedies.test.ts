import { describe, expect, test } from '@jest/globals';
import { choosePackageManager, kafkaRemedies } from '../../../fleet/services/kafka-remedies.ts';

describe('the remedies when there is no Kafka', () => {
  test.each([
    ['apt', 'apt-get install'],
    ['dnf', 'dnf install'],
    ['brew', 'brew install'],
  ] as const)('are three commands for %s', (packageManager, command) => {
    const text = kafkaRemedies(packageManager);
    expect(text.match(/^ {2}\d\. /gm)).toHaveLength(3);
    expect(text.split(command)).toHaveLength(3);
    expect(text).toContain('KAFKA_BROKERS=');
  });

  test('name what to install where no package manager is known', () => {
    expect(kafkaRemedies('none')).toContain('Java 17 or newer');
  });

  test.each([
    [['apt-get', 'brew'], 'apt'],
    [['dnf'], 'dnf'],
    [['brew'], 'brew'],
    [[], 'none'],
  ])('with %j take %s', (programs, expected) => {
    expect(choosePackageManager((program) => programs.includes(program))).toBe(expected);
  });
});

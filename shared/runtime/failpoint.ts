import { ConfigError } from '../errors.ts';

/** Where a process can be made to die, to see what the rest of the fleet makes of it. */
export const failpoints = [
  'before-claim',
  'after-claim',
  'after-esp-accept',
  'after-db-write',
  'before-offset-commit',
] as const;
export type Failpoint = (typeof failpoints)[number];

const survive = (): void => undefined;

/**
 * Reads `name:count`: the process dies, as by kill -9, when it passes that point for the `count`-th time. Answers what a
 * point calls; without a setting that is nothing. Throws `ConfigError` for a point that nobody knows, and in production.
 */
export const failpointOf = (
  setting: string | undefined,
  isProduction: boolean,
  die: () => void = () => process.kill(process.pid, 'SIGKILL'),
): ((point: Failpoint) => void) => {
  if (setting === undefined) return survive;
  if (isProduction) throw new ConfigError('FAILPOINT makes a process die on purpose; production refuses it.');
  const [name = '', times = '1'] = setting.split(':');
  const wanted = failpoints.find((point) => point === name);
  const count = Number(times);
  if (wanted === undefined || !Number.isInteger(count) || count < 1) {
    throw new ConfigError(`FAILPOINT is one of ${failpoints.join(', ')}, a colon, and a count from 1.`);
  }
  let passed = 0;
  return (point) => {
    if (point !== wanted) return;
    passed += 1;
    if (passed === count) die();
  };
};

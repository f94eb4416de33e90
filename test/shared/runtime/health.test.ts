import { expect, it } from '@jest/globals';
import { createHealth } from '../../../shared/runtime/health.ts';
import { workersOf } from '../../../shared/runtime/workers.ts';

it('is ready once every named part is, and not before any is named', () => {
  const health = createHealth();
  expect(health.report().ready).toBe(false);
  health.ready('kafka', false);
  health.ready('http', true);
  expect(health.report()).toEqual({ ready: false, waitingFor: ['kafka'], stuck: [] });
  health.ready('kafka', true);
  expect(health.report()).toEqual({ ready: true, waitingFor: [], stuck: [] });
  health.ready('http', false);
  expect(health.report()).toMatchObject({ ready: false, waitingFor: ['http'] });
});

it('tells what is stuck as long as it is', () => {
  const health = createHealth();
  let fault: string | undefined = 'the loop hangs';
  health.watch(() => undefined);
  health.watch(() => fault);
  expect(health.report().stuck).toEqual(['the loop hangs']);
  fault = undefined;
  expect(health.report().stuck).toEqual([]);
});

it('takes the number of workers from the command line, else from the setting', () => {
  expect(workersOf(['email-send', '--workers=8'], 4)).toBe(8);
  expect(workersOf(['--workers=0'], 4)).toBe(1);
  expect(workersOf(['--workers=many'], 4)).toBe(4);
  expect(workersOf([], 4)).toBe(4);
});

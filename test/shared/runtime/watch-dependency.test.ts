import { describe, expect, it } from '@jest/globals';
import { createHealth } from '../../../shared/runtime/health.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { watchDependency } from '../../../shared/runtime/watch-dependency.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('What a process needs', () => {
  it('makes it ready only while it answers', async () => {
    const abort = new AbortController();
    const health = createHealth();
    let isAway = true;
    const check = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve());
    const log = createLog({ name: 'test', level: 'silent' });
    watchDependency('postgres', check, { health, log, signal: abort.signal });
    expect(health.report()).toMatchObject({ ready: false, waitingFor: ['postgres'] });
    isAway = false;
    await waitFor(() => health.report().ready, { what: 'being ready' });
    isAway = true;
    await waitFor(() => !health.report().ready, { what: 'not being ready any more' });
    abort.abort();
  });
});

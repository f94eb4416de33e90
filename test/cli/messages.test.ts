import { expect, it } from '@jest/globals';
import { auditText } from '../../cli/commands/messages.ts';
import { problemDetail } from '../../cli/problem.ts';

const audit = {
  since: '2026-03-01T00:00:00.000Z',
  until: '2026-03-02T00:00:00.000Z',
  accountId: null,
  ...{
    requests: 2,
    accepted: 1_007,
    sent: 1_003,
    suppressed: 1,
    failed: 1,
    cancelled: 0,
    pending: 2,
    cut: false,
    balanced: true,
  },
  duplicatesSuspected: 1,
  states: { delivered: 1_003, failed: 1, suppressed: 1 },
  byEsp: [{ esp: 'alpha', messages: 1_005, sent: 1_003, suppressed: 1, failed: 1, cancelled: 0, pending: 0 }],
  uneven: [{ id: 'r1', total: 6, rows: 4 }],
};

it('shows the sum, the ESPs and what is on its way', () => {
  const text = auditText(audit);
  expect(text).toContain(
    'Everything is accounted for: accepted 1,007 = sent 1,003 + suppressed 1 + failed 1 + cancelled 0 + pending 2',
  );
  expect(text).toMatch(/alpha +1,005 +1,003/);
  expect(text).toContain('r1: 4 messages stored for 6 recipients');
});

it('says plainly when it does not add up', () => {
  expect(auditText({ ...audit, balanced: false })).toContain('THIS DOES NOT ADD UP');
});

it('tells what the ingress said', () => {
  expect(problemDetail(422, { title: 'No', errors: [{ pointer: '/since', detail: 'is late' }] })).toBe(
    'No: /since is late (422)',
  );
  expect(problemDetail(502, {})).toBe('The request was refused (502)');
});

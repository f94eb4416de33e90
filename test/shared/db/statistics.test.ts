import { expect, test } from '@jest/globals';
import { statisticsFold } from '../../../shared/db/statistics.ts';

test('a fold takes over no counts from a key that is a whole row', () => {
  const fold = statisticsFold();
  const row = {
    ...{ accountId: 'a', esp: 'e', mailboxProvider: 'gmail', batchId: '', minute: new Date(0) },
    ...{ sent: 3, delivered: 2, opened: 1, clicked: 0, bounced: 1, complained: 0, failed: 0 },
  };
  fold.add(row, 'sent', row.sent);
  fold.add(row, 'delivered', row.delivered);
  expect(fold.rows()).toEqual([{ ...row, opened: 0, bounced: 0 }]);
});

import { expect, it } from '@jest/globals';
import { dropRepeats, producersOf } from '../../../consumers/delivery-events/drop-repeats.ts';
import { deadLetterHeaders, producerHeaders } from '../../../shared/contracts/topics.ts';

const a = '00000000-0000-7000-8000-00000000000a';
const b = '00000000-0000-7000-8000-00000000000b';
const numbered = (producer: string, sequence: number | string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { [producerHeaders.producer]: producer, [producerHeaders.sequence]: String(sequence), ...more },
});
const numbers = (kept: readonly ReturnType<typeof numbered>[]) =>
  kept.map(({ headers }) => headers[producerHeaders.sequence]);

it('leaves out what a producer sent again, whole or in part, in one batch or a later one', () => {
  const first = [1, 2, 3, 1, 2, 3, 4, 2, 5].map((sequence) => numbered(a, sequence));
  const { kept, moved } = dropRepeats(first, new Map());
  expect(numbers(kept)).toEqual(['1', '2', '3', '4', '5']);
  expect(moved).toEqual(new Map([[a, 5]]));
  expect(
    numbers(
      dropRepeats(
        [4, 5, 6, 9].map((sequence) => numbered(a, sequence)),
        moved,
      ).kept,
    ),
  ).toEqual(['6', '9']);
});

it('knows producers from each other', () => {
  const { kept, moved } = dropRepeats([numbered(a, 7), numbered(b, 7), numbered(a, 7)], new Map([[b, 3]]));
  expect(kept).toHaveLength(2);
  expect(moved).toEqual(new Map([[a, 7], [b, 7]])); // prettier-ignore
  expect(producersOf(kept)).toEqual([a, b]);
});

it('keeps whatever has no number, a wrong one, or comes back from the dead letters', () => {
  const back = { [deadLetterHeaders.topic]: 't', [deadLetterHeaders.partition]: '0', [deadLetterHeaders.offset]: '4' };
  const records = [
    { headers: {} },
    { headers: {} },
    numbered('me', 1),
    numbered('me', 1),
    numbered(a, '1e3'),
    numbered(a, 2, back),
    numbered(a, '-1'),
  ];
  expect(dropRepeats(records, new Map([[a, 9]]))).toEqual({ kept: records, moved: new Map() });
});

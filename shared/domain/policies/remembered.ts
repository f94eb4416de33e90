// What policies remember of mail, and how memories are added, faded and let go.
import type { EspEvidence } from '../evidence.ts';
import type { CellMemory, Memory, Remembered } from './policy.ts';

/** How much of the evidence from before a change is kept once the change is more likely than not, in messages. */
const keptAfterChange = 10;

export const nothing: Remembered = { settled: 0, delivered: 0, opened: 0 };
export const emptyCell: CellMemory = { recent: nothing, older: nothing };

/** What is remembered of an ESP at a mailbox provider, of one kind of memory. */
export type Cell = (esp: string, provider: string) => Remembered;

/** Everything of a memory, so many times. */
export const times = (memory: Remembered, factor: number): Remembered => ({
  settled: memory.settled * factor,
  delivered: memory.delivered * factor,
  opened: memory.opened * factor,
});
/** Late events can bring an outcome before its message counts as settled, so settled is never below delivered. */
export const plus = (a: Remembered, b: Remembered): Remembered => {
  const delivered = Math.max(0, a.delivered + b.delivered);
  return { delivered, settled: Math.max(delivered, a.settled + b.settled), opened: a.opened + b.opened };
};
/** A memory of at most so many messages. */
export const atMost = (memory: Remembered, most: number): Remembered =>
  memory.settled > most ? times(memory, most / memory.settled) : memory;
/** What is left of a memory when it is out of date with this probability. */
export const afterChange = (memory: Remembered, probability: number): Remembered =>
  probability > 0.5 ? atMost(times(memory, 1 - probability), keptAfterChange) : times(memory, 1 - probability);

/** Evidence as it is remembered. A catch-all domain takes mail for anybody, so that it took a message says half as much. */
export const learnable = ({ settled, delivered, opened, catchAll }: EspEvidence): Remembered => ({
  settled: settled - catchAll / 2,
  delivered: delivered - catchAll / 2,
  opened,
});

/** One kind of memory of all cells. */
export const cellsIn = (memory: Memory, pick: (cell: CellMemory) => Remembered): Cell => {
  return (esp, provider) => pick(memory[esp]?.cells[provider] ?? emptyCell);
};
export const recentOf = ({ recent }: CellMemory): Remembered => recent;
export const olderOf = ({ older }: CellMemory): Remembered => older;
export const bothOf = ({ recent, older }: CellMemory): Remembered => plus(recent, older);

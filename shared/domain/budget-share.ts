/** What of an ESP's budgets is spent, and how long what is left has to last. */
export interface BudgetsLeft {
  readonly perDay: number | null;
  readonly perMonth: number | null;
  readonly spentToday: number;
  readonly spentThisMonth: number;
  /** All mail of a day like the last one. */
  readonly mailPerDay: number;
  /** Of the running day (UTC), 0 … 1. */
  readonly dayLeft: number;
  /** Of the running month (UTC), in days. */
  readonly monthLeftDays: number;
}

/**
 * The share of all mail that lets a quota last: what is left of the day over the mail that the rest of it still brings, and
 * what is left of the month over that of the days left, whichever is less. Full while there is no quota, or no mail to go
 * by; nothing once a quota is spent.
 */
export const budgetShare = (budgets: BudgetsLeft): number => {
  const quotas = [
    { most: budgets.perDay, spent: budgets.spentToday, daysLeft: budgets.dayLeft },
    { most: budgets.perMonth, spent: budgets.spentThisMonth, daysLeft: budgets.monthLeftDays },
  ];
  const shares = quotas.flatMap(({ most, spent, daysLeft }) => {
    if (most === null) return [];
    const left = most - spent;
    return left <= 0 ? [0] : [left / Math.max(left, budgets.mailPerDay * daysLeft)];
  });
  return Math.min(1, ...shares);
};

/** The least of several shares, cut to whole thousandths as weights are: rounding must not give an ESP more than it may have. */
export const leastShare = (...shares: readonly number[]): number =>
  Math.floor(Math.min(1, ...shares) * 1_000 + 1e-9) / 1_000;

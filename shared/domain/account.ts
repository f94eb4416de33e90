/** The account that the fleet's administrators share; it is there from the first migration on and sends from every domain. */
export const adminAccountId = 'admin';

/** How much each key of an account may ask for. */
export interface AccountLimits {
  readonly requestsPerMinute: number;
  readonly recipientsPerMinute: number;
}

/** Far above what one upstream service needs, and below what would leave nothing for the others. */
const usualLimits: AccountLimits = { requestsPerMinute: 60_000, recipientsPerMinute: 1_200_000 };

/** An account's limits: its own, and the usual ones where it has none. */
export const limitsOf = (own: Partial<AccountLimits>): AccountLimits => ({
  requestsPerMinute: own.requestsPerMinute ?? usualLimits.requestsPerMinute,
  recipientsPerMinute: own.recipientsPerMinute ?? usualLimits.recipientsPerMinute,
});

// Which domains accounts may send from, as a producer on Kafka has passed no door. What is known is at most five seconds
// old, and none is refused by what is older than the batch: an account may just have got its domain.
import { loadSenderDomains } from '../../shared/db/accounts.ts';
import type { Database } from '../../shared/db/connect.ts';
import { adminAccountId } from '../../shared/domain/account.ts';
import { senderFault, type SenderFault } from '../../shared/domain/sender-domain.ts';

/** An account, and the domain in normal form that it wants to send from; undefined where the address is none. */
export interface SenderQuestion {
  readonly accountId: string;
  readonly domain: string | undefined;
}

/** Judges senders: undefined for one that may send. */
export type JudgeSender = (asked: SenderQuestion) => SenderFault | undefined;

export interface Senders {
  /** Learns what these questions need, in one statement or none - two where one is refused - and judges by it. */
  judgeFor(asked: readonly SenderQuestion[]): Promise<JudgeSender>;
}

const ttlMs = 5_000;
const mostAccounts = 10_000;

/** Senders on Postgres. The administrators' account sends from everywhere and costs no statement. */
export const sendersOn = (db: Database, now: () => number): Senders => {
  interface Rule {
    readonly domains: readonly string[] | undefined;
    readonly readAt: number;
  }
  const known = new Map<string, Rule>();

  const learn = async (ids: readonly string[], rules: Map<string, Rule>): Promise<void> => {
    if (ids.length === 0) return;
    const readAt = now();
    const found = await loadSenderDomains(db, ids);
    if (known.size + ids.length > mostAccounts) known.clear();
    for (const id of ids) {
      const rule = { domains: found.get(id), readAt };
      known.set(id, rule);
      rules.set(id, rule);
    }
  };

  return {
    judgeFor: async (asked) => {
      const beganAt = now();
      const others = asked.filter(({ accountId }) => accountId !== adminAccountId);
      // This batch's own: another one may forget what is known of an account meanwhile.
      const rules = new Map<string, Rule>();
      const stale: string[] = [];
      for (const id of new Set(others.map(({ accountId }) => accountId))) {
        const rule = known.get(id);
        if (rule !== undefined && beganAt - rule.readAt < ttlMs) rules.set(id, rule);
        else stale.push(id);
      }
      const judge: JudgeSender = ({ accountId, domain }) =>
        accountId === adminAccountId ? undefined : senderFault(rules.get(accountId)?.domains, domain);
      await learn(stale, rules);
      const refused = new Set(others.filter((one) => judge(one) !== undefined).map(({ accountId }) => accountId));
      await learn(
        [...refused].filter((id) => !stale.includes(id)),
        rules,
      );
      return judge;
    },
  };
};

import { createHash } from 'node:crypto';
import type { DomainVerdict, VerdictRecord } from '../../shared/contracts/verdict.ts';

/** A verdict that has become another one, as the counters tell it. */
export interface ChangedVerdict {
  readonly domain: string;
  readonly from: DomainVerdict;
  readonly to: DomainVerdict;
  readonly at: Date;
  readonly change: number;
}

/** The records that tell of changed verdicts. Their ids follow from domain and number, as in `shared/db/judge-domains.ts`. */
export const verdictRecords = (
  topic: string,
  changes: readonly ChangedVerdict[],
): readonly { readonly topic: string; readonly key: string; readonly value: string }[] =>
  changes.map(({ domain, from, to, at, change }) => {
    const id = createHash('md5').update(`${domain}:${change}`).digest('hex');
    const record: VerdictRecord = { id, domain, from, to, at: at.toISOString(), change };
    return { topic, key: domain, value: JSON.stringify(record) };
  });

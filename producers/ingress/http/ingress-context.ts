import type { Topics } from '../../../shared/contracts/topics.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import type { WeighSettings } from '../../../shared/db/decide-weights.ts';
import type { WebhookAccount } from '../../../shared/esp/accounts.ts';
import type { Esp } from '../../../shared/esp/esp.ts';
import type { BlobStore } from '../../../shared/runtime/blob-store.ts';
import type { Metrics } from '../../../shared/runtime/metrics.ts';
import type { Publisher } from '../../../shared/runtime/publisher.ts';
import type { DomainEvents } from '../domain-events.ts';
import type { RecentRequests } from '../recent-requests.ts';
import type { RequestStats } from '../request-stats.ts';
import type { VerdictCache } from '../verdict-cache.ts';
import type { Guards } from './authenticate.ts';

/** What the routes of the ingress stand on; wired in main.ts. */
export interface IngressContext extends Guards {
  readonly publisher: Publisher;
  readonly pool: Pool;
  readonly topics: Topics;
  readonly recent: RecentRequests;
  readonly blobs: BlobStore;
  readonly metrics: Metrics;
  readonly esps: readonly Esp[];
  /** By the name that their webhooks come under. */
  readonly webhookAccounts: ReadonlyMap<string, WebhookAccount>;
  readonly weighing: WeighSettings;
  readonly verdicts: Pick<VerdictCache, 'verdictOf'>;
  readonly domainEvents: DomainEvents;
  readonly requestStats: RequestStats;
  /** Whether `/metrics` answers. */
  readonly hasMetrics: boolean;
  /** Told as long as the fleet has stored none. */
  readonly deliveredThreshold: number;
  readonly maxMessageBytes: number;
  /** Addresses and networks whose word on who the caller is (X-Forwarded-For) is taken. */
  readonly trustedProxies: readonly string[];
  readonly isReady: () => { readonly ready: boolean; readonly waitingFor: readonly string[] };
  readonly newRequestId: () => string;
  /** A new id that sorts by time, behind a prefix that says what it names. */
  readonly newId: (prefix: string) => string;
}

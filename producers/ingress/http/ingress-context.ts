import type { WeighSettings } from '../../../shared/db/decide-weights.ts';
import type { WebhookAccount } from '../../../shared/esp/accounts.ts';
import type { Esp } from '../../../shared/esp/esp.ts';
import type { Metrics } from '../../../shared/runtime/metrics.ts';
import type { SignUpKeys } from '../sign-up-keys.ts';
import type { SignUpDoor } from '../sign-ups.ts';
import type { DomainEvents } from '../domain-events.ts';
import type { HttpGuards } from './authenticate.ts';
import type { RequestStats } from '../request-stats.ts';
import type { VerdictCache } from '../verdict-cache.ts';

/** What the routes of the ingress stand on; wired in main.ts. */
export interface IngressContext extends HttpGuards, SignUpDoor {
  readonly metrics: Metrics;
  readonly signUpKeys: SignUpKeys | undefined;
  readonly esps: readonly Esp[];
  /** By the name that their webhooks come under. */
  readonly webhookAccounts: ReadonlyMap<string, WebhookAccount>;
  readonly weighing: WeighSettings;
  readonly verdicts: Pick<VerdictCache, 'verdictOf'>;
  readonly domainEvents: DomainEvents;
  readonly requestStats: RequestStats;
  /** Webhooks of accounts: the key of their secrets, none without JWT_SECRET, and whether private addresses will do. */
  readonly outgoing: { readonly secretKey: Uint8Array | undefined; readonly allowPrivate: boolean };
  /** Whether `/metrics` answers. */
  readonly hasMetrics: boolean;
  /** Told as long as the fleet has stored none. */
  readonly deliveredThreshold: number;
  /** Addresses and networks whose word on who the caller is (X-Forwarded-For) is taken. */
  readonly trustedProxies: readonly string[];
  readonly isReady: () => { readonly ready: boolean; readonly waitingFor: readonly string[] };
}

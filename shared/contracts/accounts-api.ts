import { z } from 'zod';
import { isoTime } from './api-parts.ts';
import { senderDomainText } from './address-text.ts';
import { headerText, moment } from './text.ts';

// Accounts and keys under /v1: what an operator of the fleet and the owner of an account manage.

export const scopes = ['send', 'read', 'admin', 'webhook-manage'] as const;
/** What a key may do: send mail; ask; manage its account; manage the webhooks that tell its owner of outcomes. */
export type Scope = (typeof scopes)[number];

/** Ids that people choose for accounts; they stand in Kafka records and statistics. */
export const accountId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, { error: 'must be 1 to 63 of a-z 0-9 _ -, the first a letter or digit' });

const limit = z.int().min(1).max(100_000_000);
/** Null: the fleet's usual limit. */
const limits = z.strictObject({
  requestsPerMinute: limit.nullable().optional(),
  recipientsPerMinute: limit.nullable().optional(),
});

const name = headerText(200).min(1);
// What is a domain is judged in domain/sender-domain.ts.
const senderDomains = z.array(senderDomainText).max(1_000).meta({
  description: '`acme.example` for itself alone, `*.acme.example` for every domain below it.',
});

export const newAccount = z
  .strictObject({
    id: accountId.optional(),
    name,
    senderDomains: senderDomains.default([]),
    limits: limits.default({}),
  })
  .meta({
    id: 'NewAccount',
    example: { name: 'Shop', senderDomains: ['acme.example'], limits: { recipientsPerMinute: 10_000 } },
  });

export const accountChange = z
  .strictObject({ name: name.optional(), senderDomains: senderDomains.optional(), limits: limits.optional() })
  .meta({ id: 'AccountChange', example: { senderDomains: ['acme.example', '*.acme.example'] } });

const account = z
  .object({
    id: z.string(),
    name: z.string(),
    senderDomains: z.array(z.string()),
    limits: z
      .object({ requestsPerMinute: z.int(), recipientsPerMinute: z.int() })
      .meta({ description: 'Of each key.' }),
    createdAt: isoTime,
    closedAt: isoTime.nullable(),
  })
  .meta({ id: 'Account' });
export const accountAnswer = account;
export const accountListAnswer = z.object({ data: z.array(account), hasMore: z.boolean() }).meta({ id: 'AccountList' });

export const newKey = z
  .strictObject({
    name,
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
    expiresAt: moment.optional(),
    accountId: accountId
      .optional()
      .meta({ description: 'Another account than one’s own: for administrators of the fleet.' }),
  })
  .meta({ id: 'NewApiKey', example: { name: 'checkout', scopes: ['send', 'read'] } });

const key = z.object({
  id: z.string(),
  accountId: z.string(),
  name: z.string(),
  prefix: z.string().meta({ description: 'How the key begins, to tell it from others.' }),
  scopes: z.array(z.string()),
  createdAt: isoTime,
  expiresAt: isoTime.nullable(),
  lastUsedAt: isoTime.nullable().meta({ description: 'Exact to about two minutes.' }),
  revokedAt: isoTime.nullable(),
});
export type ApiKey = z.infer<typeof key>;

export const keyListAnswer = z.object({ data: z.array(key), hasMore: z.boolean() }).meta({ id: 'ApiKeyList' });
export const madeKeyAnswer = key
  .extend({ key: z.string().meta({ description: 'The key itself. It is shown here and never again.' }) })
  .meta({ id: 'MadeApiKey' });

import { z } from 'zod';
import { headerText } from './text.ts';

// Patterns of the usual forms, as the OpenAPI document shows them. What is an address or a domain is judged in
// domain/email-address.ts, domain/domain-name.ts and domain/sender-domain.ts, which let a few rarer forms pass.
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
const label = (most: number): string => `[A-Za-z0-9](?:[A-Za-z0-9-]{0,${most - 2}}[A-Za-z0-9])?`;
// Parts this long fit 254 octets together (RFC 5321 §4.5.3.1), and labels this long 253 with their dots (RFC 1035 §2.3.4).
const bare = `${atom}{1,32}(?:\\.${atom}{1,31})?@(?:${label(40)}\\.){1,3}${label(63)}`;
const labels = `${label(62)}\\.`;
const plainName = '[^\\u0000-\\u001f\\u007f-\\u009f"(),:;<>@\\[\\\\\\]]*';
const quotedName = '"[^\\u0000-\\u001f\\u007f-\\u009f"\\\\]*"';

/** One address as RFC 5322 writes it, bare or behind a display name. */
export const addressText = headerText(998)
  .min(3)
  .meta({
    id: 'EmailAddress',
    description: 'An email address, bare or behind a name: `Ann <ann@example.org>`.',
    pattern: undefined,
    anyOf: [
      { type: 'string', format: 'idn-email' },
      { type: 'string', pattern: `^(?:${plainName}|${quotedName} ?)<${bare}>$` },
    ],
  });

/** A bare address, as it stands in a path. */
export const bareAddressText = z.string().min(3).max(998).meta({ format: 'idn-email' });

const domainShape = {
  anyOf: [
    { type: 'string', pattern: `^(?:${labels}){0,3}${label(62)}\\.?$` },
    { type: 'string', format: 'idn-hostname' },
  ],
} as const;

/** A domain name. */
export const domainText = z.string().min(1).max(1_000).meta(domainShape);

/** A domain name where the route itself says what is wrong with one. */
export const anyDomainText = z.string().meta(domainShape);

/** An entry of an account's list of sender domains. */
export const senderDomainText = z
  .string()
  .min(1)
  .max(1_000)
  .meta({
    description: '`acme.example` for itself alone, `*.acme.example` for every domain below it.',
    anyOf: [
      { type: 'string', pattern: `^(?:\\*\\.)?(?:${labels}){1,3}${label(62)}$` },
      { type: 'string', format: 'idn-hostname', pattern: '\\.' },
    ],
  });

import { createHash } from 'node:crypto';

/** What a recipient must have got, whichever ESP carried it. */
export interface ExpectedMail {
  readonly email: string;
  readonly name: string | null;
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly from: string;
  readonly replyTo: string | null;
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly {
    readonly filename: string;
    readonly contentType: string;
    readonly contentId: string | null;
    readonly sha256: string;
  }[];
}

/** One request, and what each of its recipients must have got. Nothing here is made with code of the product. */
export interface SameMessageCase {
  readonly name: string;
  /** Over HTTP, as a record of ours, or as the Go consumer's record. */
  readonly via: 'http' | 'kafka' | 'go';
  /** Without `esps`, which whoever runs it adds. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly expected: readonly ExpectedMail[];
}

export const sender = 'News <news@acme.example>';

/** What most requests have in common. */
const plainMail: ExpectedMail = {
  email: 'ann@example.org',
  name: null,
  subject: 'Hello',
  text: 'Hi',
  html: null,
  from: sender,
  replyTo: null,
  cc: [],
  bcc: [],
  headers: {},
  attachments: [],
};

/** A request to one recipient, and what it comes to where that is not the plain mail. */
export const single = (
  name: string,
  request: Readonly<Record<string, unknown>>,
  expected: Partial<ExpectedMail>,
): SameMessageCase => several(name, request, [expected]);

export const several = (
  name: string,
  request: Readonly<Record<string, unknown>>,
  expected: readonly Partial<ExpectedMail>[],
  via: SameMessageCase['via'] = 'http',
): SameMessageCase => ({
  name,
  via,
  request:
    via === 'go'
      ? request
      : { from: sender, subject: 'Hello', text: 'Hi', recipients: [{ email: 'ann@example.org' }], ...request },
  expected: expected.map((mail) => ({ ...plainMail, ...mail })),
});

/** The one recipient of a request, with these values. */
export const to = (substitutions: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}) => [
  { email: 'ann@example.org', substitutions, ...more },
];

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

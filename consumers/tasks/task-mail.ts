import type { EmailRequest } from '../../shared/contracts/email.ts';

/** A message task as a request: what its client wrote is text and HTML, never a template. */
export const messageOf = (
  from: string,
  { userId, subject, content }: { readonly userId: string; readonly subject: string; readonly content: string },
): EmailRequest => ({
  from,
  subject: '{{ subject | raw }}',
  html: '{{ content | raw }}',
  recipients: [{ email: userId, substitutions: { subject, content } }],
});

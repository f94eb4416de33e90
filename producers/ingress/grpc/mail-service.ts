import type { z } from 'zod';
import { fleetSender } from '../../../shared/domain/fleet-sender.ts';
import { emailRequest } from '../../../shared/contracts/email.ts';
import { invalid, Refusal } from '../refusal.ts';
import { submitEmail } from '../submit-email.ts';
import type { CodeDoor } from '../one-time-codes.ts';
import { unaryMethod, type CallSettings } from './call.ts';

interface SendEmailRequest {
  readonly to: string;
  readonly subject: string;
  readonly body: string;
}

/** `MailService`: one mail of plain text to one recipient. */
export const mailService = (door: CodeDoor, settings: CallSettings) => ({
  SendMail: unaryMethod<SendEmailRequest, { readonly status: 'SUCCESS' }>(settings, async (request, caller) => {
    // The seed's client reads this sentence.
    if (request.to === '') throw new Refusal('invalid', 'recipient email is required');
    const from = fleetSender(caller.senderDomains, door.codes.mailFrom);
    if (from === undefined) {
      throw invalid([{ pointer: '', detail: 'The account has no sender domain, and MAIL_FROM is not set.' }]);
    }
    const parsed = emailRequest.safeParse({
      from,
      subject: request.subject,
      text: request.body,
      recipients: [{ email: request.to }],
    });
    if (!parsed.success) throw invalid(parsed.error.issues.map(faultOf));
    // What is written here is text: braces in it are no templates.
    const { subject, body } = request;
    await submitEmail(door, caller, {
      ...parsed.data,
      subject: '{{ subject }}',
      text: '{{ body }}',
      recipients: [{ email: request.to, substitutions: { subject, body } }],
    });
    return { status: 'SUCCESS' };
  }),
});

const fields: Readonly<Record<string, string>> = { recipients: '/to', subject: '/subject', text: '/body' };

const faultOf = (issue: z.core.$ZodIssue) => ({
  pointer: fields[String(issue.path[0])] ?? '',
  detail: issue.message,
});

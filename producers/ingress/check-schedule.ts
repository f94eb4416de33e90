import type { z } from 'zod';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { scheduleChange } from '../../shared/contracts/schedules-api.ts';
import { fleetSender } from '../../shared/domain/fleet-sender.ts';
import { scheduleFault } from '../../shared/domain/next-run.ts';
import type { Caller } from './check-key.ts';
import type { CodeDoor } from './one-time-codes.ts';
import { invalid, Refusal } from './refusal.ts';
import { checkTogether } from './submit-email.ts';

type Asked = z.infer<typeof scheduleChange>;

/** What a schedule sends, checked; `contentType` is null where it has texts of its own. */
export interface CheckedMail {
  readonly email: EmailRequest;
  readonly contentType: string | null;
}

const within = async (pointer: string, check: () => Promise<void>): Promise<void> => {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof Refusal) || error.kind !== 'invalid') throw error;
    throw invalid(error.errors.map((fault) => ({ ...fault, pointer: `${pointer}${fault.pointer}` })));
  }
};

/** Throws `invalid` when a schedule's times are none. */
export const checkTimes = (cron: string, zone: string, now: Date): void => {
  const fault = scheduleFault(cron, zone, now);
  if (fault !== undefined) throw invalid([{ pointer: `/${fault.of}`, detail: fault.detail }]);
};

/**
 * Checks what a schedule is to send as the door checks a request: it must be good now, and is checked again each time. Undefined
 * when nothing is said of it. Throws `Refusal`.
 */
export const checkScheduledMail = async (
  door: CodeDoor,
  caller: Caller,
  { email, content }: Asked,
): Promise<CheckedMail | undefined> => {
  if (email !== undefined && content !== undefined) {
    throw invalid([{ pointer: '/content', detail: 'may not stand beside an email' }]);
  }
  if (email !== undefined) {
    if (email.sendAt !== undefined) throw invalid([{ pointer: '/email/sendAt', detail: 'is what the schedule says' }]);
    await within('/email', () => checkTogether(door, caller, [email]));
    return { email, contentType: null };
  }
  if (content === undefined) return undefined;
  const from = content.from ?? fleetSender(caller.senderDomains, door.codes.mailFrom);
  if (from === undefined)
    throw invalid([{ pointer: '/content/from', detail: 'is required: the account has no sender' }]);
  const mail: EmailRequest = { from, recipients: content.recipients };
  await within('/content', () => checkTogether(door, caller, [{ ...mail, text: '-' }]));
  return { email: mail, contentType: content.name };
};

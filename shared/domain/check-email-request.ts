import type { EmailRecord, EmailRequest } from '../contracts/email.ts';
import { isAllowedHeader } from '../contracts/header-names.ts';
import { parseAddress } from './email-address.ts';

export interface Fault {
  /** JSON pointer (RFC 6901) into the request. */
  readonly pointer: string;
  readonly detail: string;
}

const maxFaults = 50;
const pointerStep = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * The rules of a request that its shape cannot tell: usable addresses, something to say, headers that may be set, and
 * parts that need each other. Answers every fault (at most 50), none when the request can be sent.
 */
export const checkEmailRequest = (request: EmailRequest | EmailRecord): Fault[] => {
  const faults: Fault[] = [];
  const fault = (pointer: string, detail: string): void => void faults.push({ pointer, detail });
  const checkAddress = (pointer: string, text: string | undefined): void => {
    if (text !== undefined && parseAddress(text) === undefined) fault(pointer, 'is not one valid email address');
  };

  checkAddress('/from', request.from);
  checkAddress('/replyTo', request.replyTo);
  const isElsewhere = 'contentRef' in request && request.contentRef !== undefined;
  if (request.template !== undefined) {
    for (const field of ['subject', 'text', 'html'] as const)
      if (request[field] !== undefined) fault(`/${field}`, 'may not stand beside a template, which brings its own');
  } else if (request.text === undefined && request.html === undefined && !isElsewhere)
    fault('/text', 'is required when there is no html and no template');
  request.recipients.forEach((recipient, index) => {
    if (faults.length >= maxFaults) return;
    checkAddress(`/recipients/${index}/email`, recipient.email);
    recipient.cc?.forEach((address, at) => {
      checkAddress(`/recipients/${index}/cc/${at}`, address);
    });
    recipient.bcc?.forEach((address, at) => {
      checkAddress(`/recipients/${index}/bcc/${at}`, address);
    });
  });
  for (const name of Object.keys(request.headers ?? {})) {
    if (!isAllowedHeader(name)) fault(`/headers/${pointerStep(name)}`, 'may not be set by a request');
  }
  const { size, intervalSeconds } = request.batch ?? {};
  if ((size === undefined) !== (intervalSeconds === undefined)) {
    fault('/batch', 'needs size and intervalSeconds together: so many recipients in so many seconds');
  }
  if (size !== undefined && request.class === 'otp') fault('/batch', 'cannot pace one-time codes');
  return faults.slice(0, maxFaults);
};

import { z } from 'zod';
import { bareAddressText } from './address-text.ts';
import { requestId } from './request-id.ts';
import { headerText, storableText } from './text.ts';

// The task queue's API (`contract` §4), and its records. What its clients send besides is nobody's business.

const frequency = z.enum(['@hourly', '@daily', '@weekly', '@monthly']);
const contentType = headerText(128).min(1);
const subject = headerText(2_000).min(1);
const html = storableText(1_000_000).min(1);
const common = {
  task: headerText(200).min(1),
  retries: z.int().min(1).max(100).meta({ description: 'Tries in all.' }),
};
const of = { userId: bareAddressText };

export const task = z
  .discriminatedUnion('type', [
    z.object({ ...common, type: z.literal('message'), payload: z.object({ ...of, subject, content: html }) }),
    z.object({
      ...common,
      type: z.literal('generateOtp'),
      payload: z.object({ ...of, length: z.int().min(4).max(8) }),
    }),
    z.object({
      ...common,
      type: z.literal('subscribe'),
      payload: z.object({
        ...of,
        content_type: contentType,
        frequency,
        subject: subject.optional().catch(undefined),
        content: html.optional().catch(undefined),
      }),
    }),
    z.object({ ...common, type: z.literal('unsubscribe'), payload: z.object({ ...of, content_type: contentType }) }),
  ])
  .meta({
    example: {
      task: 'welcome',
      type: 'message',
      retries: 3,
      payload: { userId: 'ann@example.org', subject: 'Welcome', content: '<p>Good to have you.</p>' },
    },
  });

/** A record of the tasks topic; whoever writes none of the other fields gets them from its origin, as mail does. */
export const taskRecord = z.intersection(
  task,
  z.object({
    id: requestId.optional(),
    accountId: headerText(128).min(1).optional(),
    /** Which try this is, from 1; only the scheduler says more. */
    attempt: z.int().min(1).max(100).optional(),
  }),
);
export type TaskRecord = z.infer<typeof taskRecord>;

export const taskAnswer = z.object({ status: z.boolean(), msg: z.string() });
export const taskFault = z.object({ status: z.boolean(), error: z.string(), msg: z.string().optional() });

export const taskGuess = z
  .object({ userEmail: bareAddressText, otp: z.string().min(4).max(8) })
  .meta({ example: { userEmail: 'ann@example.org', otp: '123456' } });
export const taskGuessAnswer = z.object({ type: z.literal('otp verification'), verified: z.boolean() });

export const taskContent = z
  .object({ content_type: contentType, subject, content: html })
  .meta({ example: { content_type: 'news', subject: 'News', content: '<p>What is new.</p>' } });

export const signUpId = headerText(320).min(1);
export const signUpRequest = z.object({ id: signUpId }).meta({ example: { id: 'ann@example.org' } });
export const signUpAnswer = z.object({ apiKey: z.string() });

export const pongAnswer = z.object({ message: z.literal('pong') });
export const taskCountsAnswer = z.object({
  status: z.literal(true),
  'Total Jobs Executed': z.int(),
  'Jobs Successful': z.int(),
  'Jobs Failed': z.int(),
});

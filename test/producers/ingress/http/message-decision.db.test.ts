import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../../shared/db/claim-messages.ts';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { insertRequests, storeRequestPlans } from '../../../../shared/db/requests.ts';
import { addStatistics } from '../../../../shared/db/statistics.ts';
import { publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { aMessage, aRequest, useDatabase } from '../../../shared/db/tables.ts';
import { outcomes, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
afterAll(() => ingress.app.close());
const get = (url: string) => ingress.app.inject({ method: 'GET', url, headers: withKey });

it('names the decision a message followed: its number, and the weights of its provider among the ESPs it might use', async () => {
  await addStatistics(database.pool, [
    outcomes('sendgrid', 'gmail', { sent: 1_000, delivered: 980 }),
    outcomes('postmark', 'gmail', { sent: 1_000, delivered: 400, bounced: 600 }),
  ]);
  const decision = await decideStanding(database.pool, 'admin', { ...ingress.weighing, policy: 'adaptive' });
  await insertRequests(database.pool, [aRequest('free'), aRequest('bound', { esps: ['postmark'] })]);
  const plan = { weights: { postmark: 7, sendgrid: 993 }, split: { sendgrid: 1 }, plan: {}, decisionId: decision.id };
  await storeRequestPlans(database.pool, [
    { ...plan, id: 'free' },
    { ...plan, id: 'bound' },
  ]);
  const messages = ['free', 'bound'].map((requestId) => aMessage({ requestId, mailboxProvider: 'gmail' }));
  await insertAndClaim(database.pool, messages, randomUUID());
  const [free, bound] = await Promise.all(
    messages.map(async ({ id }) => (await get(`/v1/messages/${publicMessageId(id)}`)).json<{ decision: object }>()),
  );
  expect(free?.decision).toEqual({
    id: decision.id,
    window: '30d',
    decidedAt: decision.decidedAt.toISOString(),
    policy: 'adaptive',
    reason: decision.reason,
    weights: { postmark: 7, sendgrid: 993 },
    mailboxProvider: 'gmail',
    providerWeights: decision.providerWeights['gmail'],
  });
  expect(bound?.decision).toMatchObject({ providerWeights: { postmark: 1_000 } });
  expect((await get('/v1/emails/free')).json()).toMatchObject({ decisionId: decision.id });
});

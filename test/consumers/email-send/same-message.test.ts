import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimedMessage } from '../../../consumers/email-send/claimed-message.ts';
import { planCalls } from '../../../consumers/email-send/plan-calls.ts';
import { prepareRequest } from '../../../consumers/email-send/prepare-request.ts';
import { readSeedRecord } from '../../../consumers/email-send/read-seed-record.ts';
import { emailRecord } from '../../../shared/contracts/email.ts';
import { seedRecord } from '../../../shared/contracts/seed-email.ts';
import { espKinds, type Esp, type EspKind } from '../../../shared/esp/esp.ts';
import { configuredEsps } from '../../../shared/esp/accounts.ts';
import { limitConcurrency } from '../../../shared/runtime/limit-concurrency.ts';
import { startSimulator, testCredentials as known, type TestSimulator } from '../../simulator/start-simulator.ts';
import { sameMessageCases } from '../../support/same-message/cases.ts';
import type { SameMessageCase } from '../../support/same-message/one-case.ts';

const options = { connectTimeoutMs: 2_000, totalTimeoutMs: 20_000 };

const readRecord = ({ via, request }: SameMessageCase) =>
  via === 'go' ? readSeedRecord(seedRecord.parse(request)) : emailRecord.parse(JSON.parse(JSON.stringify(request)));

/** The deliveries that the sender makes of a request, but for Kafka and Postgres. */
const deliveriesOf = (one: SameMessageCase) => {
  const prepared = prepareRequest(readRecord(one), {
    requestId: 'req_1',
    laneClass: 'transactional',
    configuredEsps: [],
    judgeSender: () => undefined,
  });
  return prepared.recipients.map(
    (recipient, index) =>
      claimedMessage(
        prepared.mail,
        {
          id: `01890a5d-0000-7000-8000-${String(index).padStart(12, '0')}`,
          email: recipient.email,
          name: recipient.name,
          data: recipient,
          attempt: 1,
          createdAtMs: 0,
        },
        'transactional',
        { candidates: ['any'], isAnyLeftOut: false },
        'lease',
        undefined,
        () => ({}),
      ).delivery,
  );
};

describe('The same message', () => {
  let simulator: TestSimulator;
  let esps: readonly Esp[];
  beforeAll(async () => {
    simulator = await startSimulator();
    const at = (kind: EspKind): string => `${simulator.address}/${kind}`;
    esps = configuredEsps({
      SENDGRID_API_KEY: known.apiKey,
      SENDGRID_BASE_URL: at('sendgrid'),
      POSTMARK_SERVER_TOKEN: known.serverToken,
      POSTMARK_BASE_URL: at('postmark'),
      SPARKPOST_API_KEY: known.sparkpostKey,
      SPARKPOST_BASE_URL: at('sparkpost'),
      SOCKETLABS_SERVER_ID: known.socketlabsServerId,
      SOCKETLABS_API_KEY: known.socketlabsKey,
      SOCKETLABS_BASE_URL: at('socketlabs'),
      AWS_ACCESS_KEY_ID: known.sesAccessKeyId,
      AWS_SECRET_ACCESS_KEY: 'secret',
      SES_BASE_URL: at('ses'),
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: simulator.smtp.ports().port,
      SMTP_USER: known.smtpUser,
      SMTP_PASS: known.smtpPass,
    });
  });
  beforeEach(() => simulator.reset());
  afterAll(async () => {
    await Promise.all(esps.map((esp) => esp.close()));
    await simulator.close();
  });

  const carry = async (kind: EspKind, one: SameMessageCase) => {
    const esp = esps.find((candidate) => candidate.kind === kind);
    if (esp === undefined) throw new Error(`${kind} is not configured`);
    const limit = limitConcurrency(esp.limits.concurrentCalls);
    const calls = planCalls(deliveriesOf(one), esp.limits);
    const answers = (await Promise.all(calls.map((call) => limit(() => esp.send(call, options))))).flat();
    expect(answers.filter(({ outcome }) => outcome !== 'accepted')).toEqual([]);
    const lines = (await simulator.accepted()).filter((line) => line['esp'] === kind);
    return lines.sort((a, b) => (String(a['messageId']) < String(b['messageId']) ? -1 : 1));
  };

  it.each(sameMessageCases.flatMap((one) => espKinds.map((kind) => [kind, one.name, one] as const)))(
    'through %s: %s',
    async (kind, _name, one) => {
      const lines = await carry(kind, one);
      const got = lines.map((line) =>
        Object.fromEntries(Object.keys(one.expected[0] ?? {}).map((key) => [key, line[key]])),
      );
      expect(got).toEqual(one.expected);
    },
  );
});

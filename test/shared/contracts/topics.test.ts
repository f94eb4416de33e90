import { describe, expect, it } from '@jest/globals';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { deadTopic, isDeadTopic, topicsOf } from '../../../shared/contracts/topics.ts';

const topics = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' }));
const names = topics.all.map((topic) => topic.name);

describe('The topics', () => {
  it('bear the names that clients rely on', () => {
    expect(names.filter((name) => !isDeadTopic(name)).sort()).toEqual(
      [
        'delivery-events',
        'domain-verdicts',
        'email-outcomes',
        'email-send',
        'email-send-bulk',
        'email-send-otp',
        'tasks',
        'webhook-postmark',
        'webhook-sendgrid',
        'webhook-ses',
        'webhook-socketlabs',
        'webhook-sparkpost',
      ].sort(),
    );
  });

  it('that are read each have a .dead of their own, which has none', () => {
    expect(topics.dead.map((topic) => topic.name).sort()).toEqual(names.filter(isDeadTopic).sort());
    for (const name of names.filter((each) => !isDeadTopic(each) && each !== topics.verdicts.name))
      expect(names).toContain(deadTopic(name).name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('of the lanes take the email topic’s name as prefix', () => {
    const { send } = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092', KAFKA_EMAIL_TOPIC: 'mail' }));
    expect(Object.values(send).map((topic) => topic.name)).toEqual(['mail', 'mail-bulk', 'mail-otp']);
  });

  it('keep nothing longer than a week: who is erased in Postgres must not lie on a topic for long', () => {
    expect(topics.all.some(({ name }) => isDeadTopic(name))).toBe(true);
    for (const topic of topics.all) expect(topic.retentionDays).toBe(7);
  });
});

import { adminEnv, logEnv, readEnv, simulatorEnv } from '../shared/config/env.ts';
import { runProcess } from '../shared/runtime/process.ts';
import { createSimulator } from './simulator.ts';

const env = readEnv({ ...adminEnv, ...logEnv, ...simulatorEnv });

await runProcess('simulator', env, async (scope) => {
  const { log, health } = scope;
  health.ready('simulator', false);
  const simulator = createSimulator({
    webhookUrl: env.SIMULATOR_WEBHOOK_URL,
    seed: env.SIMULATOR_SEED,
    sendgrid: { apiKey: env.SENDGRID_API_KEY, privateKey: env.SIMULATOR_SENDGRID_PRIVATE_KEY },
    postmark: {
      serverToken: env.POSTMARK_SERVER_TOKEN,
      webhookUser: env.POSTMARK_WEBHOOK_USER,
      webhookPassword: env.POSTMARK_WEBHOOK_PASSWORD,
    },
    sparkpost: {
      apiKey: env.SPARKPOST_API_KEY,
      webhookUser: env.SPARKPOST_WEBHOOK_USER,
      webhookPassword: env.SPARKPOST_WEBHOOK_PASSWORD,
    },
    socketlabs: {
      serverId: env.SOCKETLABS_SERVER_ID,
      apiKey: env.SOCKETLABS_API_KEY,
      webhookSecret: env.SOCKETLABS_WEBHOOK_SECRET,
    },
    ses: {
      accessKeyId: env.AWS_ACCESS_KEY_ID,
      topicArn: env.SES_TOPIC_ARN,
      privateKey: env.SIMULATOR_SES_PRIVATE_KEY,
    },
    smtp: {
      port: env.SIMULATOR_SMTP_PORT,
      securePort: env.SIMULATOR_SMTPS_PORT,
      user: env.SMTP_USER,
      pass: env.SMTP_PASS,
    },
  });
  scope.onClose('simulator', () => simulator.close());
  const address = await simulator.listen('127.0.0.1', env.SIMULATOR_PORT);
  health.ready('simulator', true);
  log.info({ address, ...simulator.smtp.ports() }, 'listening');
});

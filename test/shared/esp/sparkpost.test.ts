import { createSparkpost } from '../../../shared/esp/sparkpost/send.ts';
import { translateSparkpostWebhook, verifySparkpostWebhook } from '../../../shared/esp/sparkpost/webhook.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'sparkpost',
  create: (baseUrl, credentials) =>
    createSparkpost({
      name: 'sparkpost',
      apiKey: credentials === 'right' ? testCredentials.sparkpostKey : 'wrong',
      baseUrl,
    }),
  verify: () =>
    verifySparkpostWebhook({ user: testCredentials.webhookUser, password: testCredentials.webhookPassword }),
  translate: translateSparkpostWebhook,
  takesTheRestOfACall: true,
  leavesTheRefusedUnnamed: true,
  losesNamesOfInlineImages: true,
  // The documented second stands in for a header.
  tellsWhenToComeBack: true,
});

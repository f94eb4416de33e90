import { createPostmark } from '../../../shared/esp/postmark/send.ts';
import { translatePostmarkWebhook, verifyPostmarkWebhook } from '../../../shared/esp/postmark/webhook.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'postmark',
  create: (baseUrl, credentials) =>
    createPostmark({
      name: 'postmark',
      serverToken: credentials === 'right' ? testCredentials.serverToken : 'wrong',
      baseUrl,
    }),
  verify: () => verifyPostmarkWebhook({ user: testCredentials.webhookUser, password: testCredentials.webhookPassword }),
  translate: translatePostmarkWebhook,
  takesTheRestOfACall: true,
  tellsWhenToComeBack: false,
});

import { createSocketlabs } from '../../../shared/esp/socketlabs/send.ts';
import { translateSocketlabsWebhook, verifySocketlabsWebhook } from '../../../shared/esp/socketlabs/webhook.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'socketlabs',
  create: (baseUrl, credentials) =>
    createSocketlabs({
      name: 'socketlabs',
      serverId: testCredentials.socketlabsServerId,
      // An old key, which goes into the body; the right one is of today and goes into a header.
      apiKey: credentials === 'right' ? testCredentials.socketlabsKey : 'wrong',
      baseUrl,
    }),
  verify: () => verifySocketlabsWebhook({ secretKey: testCredentials.socketlabsSecret, validationKey: 'v' }),
  translate: translateSocketlabsWebhook,
  takesTheRestOfACall: true,
  namesTheCallInstead: true,
  tellsWhenToComeBack: false,
});

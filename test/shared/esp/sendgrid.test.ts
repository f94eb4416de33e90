import { createSendgrid } from '../../../shared/esp/sendgrid/send.ts';
import { translateSendgridWebhook, verifySendgridWebhook } from '../../../shared/esp/sendgrid/webhook.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'sendgrid',
  create: (baseUrl, credentials) =>
    createSendgrid({
      name: 'sendgrid',
      apiKey: credentials === 'right' ? testCredentials.apiKey : 'SG.wrong',
      baseUrl,
    }),
  verify: ({ publicKey }) => verifySendgridWebhook(publicKey, () => new Date()),
  translate: translateSendgridWebhook,
  takesTheRestOfACall: false,
  tellsWhenToComeBack: true,
});

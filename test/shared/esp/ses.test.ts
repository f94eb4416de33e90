import { createSes } from '../../../shared/esp/ses/send.ts';
import { verifySnsMessage } from '../../../shared/esp/ses/sns.ts';
import { translateSesWebhook } from '../../../shared/esp/ses/webhook.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'ses',
  create: (baseUrl, credentials) =>
    createSes({
      name: 'ses',
      region: 'eu-west-1',
      accessKeyId: credentials === 'right' ? testCredentials.sesAccessKeyId : 'AKIAWRONG',
      secretAccessKey: 'secret',
      configurationSet: 'default',
      baseUrl,
    }),
  verify: ({ snsCertificate }) =>
    verifySnsMessage({ topicArns: [testCredentials.sesTopicArn], certificate: snsCertificate }),
  translate: translateSesWebhook,
  takesTheRestOfACall: true,
  tellsWhenToComeBack: true,
});

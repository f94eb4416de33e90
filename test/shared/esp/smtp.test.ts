import { createSmtp } from '../../../shared/esp/smtp/send.ts';
import { testCredentials } from '../../simulator/start-simulator.ts';
import { espContract } from './contract.ts';

espContract({
  kind: 'smtp',
  create: (baseUrl, credentials, simulator) => {
    const { protocol, hostname, host, port } = new URL(baseUrl);
    const isSimulator = host === new URL(simulator.address).host;
    return createSmtp({
      name: 'smtp',
      host: hostname,
      port: isSimulator ? (simulator.smtp.ports().port ?? 0) : Number(port || 25),
      user: testCredentials.smtpUser,
      pass: credentials === 'right' ? testCredentials.smtpPass : 'wrong',
      secure: protocol === 'https:' ? 'implicit' : 'auto',
      connections: 2,
    });
  },
  speaksSmtp: true,
  takesTheRestOfACall: true,
  tellsWhenToComeBack: false,
});

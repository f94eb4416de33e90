import colors from 'picocolors';
import type { FleetSettings } from './settings.ts';

/** What the user needs once everything is up: addresses, the key, a first request, and how to stop. */
export const welcome = (settings: FleetSettings, took: string): string => {
  const { url, adminKey } = settings;
  const row = (name: string, value: string): string => `  ${colors.dim(name.padEnd(10))} ${value}`;
  const request = JSON.stringify({
    from: 'News <news@acme.example>',
    subject: 'Hello {{name}}',
    text: 'Hi {{name}}',
    recipients: [{ email: 'ann@example.org', substitutions: { name: 'Ann' } }],
  });
  return [
    '',
    colors.bold(`mailfleet is ready (${took})`),
    row('API', url),
    row('API docs', `${url}/docs`),
    ...(settings.grpcPort === 0 ? [] : [row('gRPC', `${settings.host}:${settings.grpcPort}`)]),
    ...(settings.smtpPortIn === 0 ? [] : [row('SMTP', `${settings.host}:${settings.smtpPortIn}`)]),
    row('health', `${url}/health/ready`),
    ...(settings.hasSimulator ? [row('simulator', `http://127.0.0.1:${settings.simulatorPort}`)] : []),
    row('log', `${settings.home}/app.log`),
    row('admin key', adminKey),
    '',
    `  curl -X POST ${url}/v1/emails \\`,
    `    -H 'Authorization: Bearer ${adminKey}' -H 'Content-Type: application/json' \\`,
    `    -d '${request}'`,
    '',
    'Ctrl-C stops everything.',
  ].join('\n');
};

import { describe, expect, it } from '@jest/globals';
import { faultOfWebhookUrl } from '../../../shared/domain/webhook-url.ts';

describe('The URL of a webhook', () => {
  it.each([
    'https://hooks.acme.example/mail?x=1',
    'https://acme.example:8443/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
  ])('may be %s', (url) => {
    expect(faultOfWebhookUrl(url, false)).toBeUndefined();
  });

  it.each([
    ...['http://acme.example/', 'ftp://acme.example/', 'file:///etc/passwd', 'javascript:alert(1)', 'acme.example', ''],
    ...['https://user:pass@acme.example/', 'https://user@acme.example/', 'https://acme.example/#x'],
    ...['https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://0177.0.0.1/'],
    ...['https://[::1]/', 'https://[::ffff:10.0.0.1]/', 'https://169.254.169.254/latest', 'https://10.1.2.3/'],
    ...[
      'https://localhost/',
      'https://LOCALHOST:8080/',
      'https://a.localhost/',
      'https://db.internal/',
      'https://①②⑦.0.0.1/',
    ],
  ])('must not be %s', (url) => {
    expect(faultOfWebhookUrl(url, false)).toBeDefined();
  });

  it('may lead to this machine without TLS, and elsewhere with it, only where private addresses are allowed', () => {
    const ask = (url: string) => faultOfWebhookUrl(url, true);
    expect([ask('http://127.0.0.1:9/'), ask('http://localhost:9/'), ask('https://10.0.0.1/')]).toEqual(
      Array(3).fill(undefined),
    );
    expect(ask('http://10.0.0.1/')).toBeDefined();
  });
});

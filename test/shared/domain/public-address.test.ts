import { describe, expect, it } from '@jest/globals';
import { isLoopbackAddress, isPublicAddress } from '../../../shared/domain/public-address.ts';

describe('An address of the public internet', () => {
  it.each([
    '8.8.8.8',
    '93.184.215.14',
    '1.1.1.1',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
    '::ffff:8.8.8.8',
  ])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    // This machine, private, shared, link-local with the clouds' metadata, unspecified, broadcast, multicast.
    ...['127.0.0.1', '127.8.9.1', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['100.64.0.1', '100.127.255.255', '169.254.169.254', '0.0.0.0', '255.255.255.255', '224.0.0.1'],
    // For tests, documents, benchmarks, protocols, and reserved.
    ...['192.0.0.8', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '240.0.0.1', '192.88.99.1'],
    ...[
      '::1',
      '::',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fd12:3456::1',
      'ff02::1',
      'fec0::1',
      '2001:db8::1',
      '100::1',
    ],
    // IPv4 inside IPv6: mapped, compatible, translated (NAT64), 6to4, Teredo.
    ...['::ffff:127.0.0.1', '::ffff:a00:1', '::ffff:0:10.0.0.1', '::10.0.0.1', '64:ff9b::a00:1', '64:ff9b:1::a00:1'],
    ...['2002:7f00:1::', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '4000::1'],
    // Other notations of 127.0.0.1 and 10.0.0.1.
    ...['2130706433', '0x7f000001', '0177.0.0.1', '127.1', '012.0.0.1', '0xa.0.0.1'],
    ...['', 'localhost', 'example.org', '8.8.8.8.8', '8.8.8.8 ', '[::1]'],
  ])('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

it('This machine has more than one address', () => {
  expect(['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1', '0x7f000001'].map(isLoopbackAddress)).not.toContain(
    false,
  );
  expect(['10.0.0.1', '0.0.0.0', 'localhost', 'fe80::1'].map(isLoopbackAddress)).not.toContain(true);
});

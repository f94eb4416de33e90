import ipaddr from 'ipaddr.js';

/**
 * Whether an address (IPv4 or IPv6, in any of their notations) is one of the public internet: neither this machine nor a
 * private, shared, local or reserved network, in a mapped or translated form neither (IANA special-purpose registries,
 * RFC 6890; of IPv6 only the block that is given out, 2000::/3). False for what is no address.
 */
export const isPublicAddress = (text: string): boolean => {
  // A zone names a link of this machine.
  if (text.includes('%') || !ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || ((address.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
};

/** Whether an address is this machine's own. */
export const isLoopbackAddress = (text: string): boolean =>
  ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback';

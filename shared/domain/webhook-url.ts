import { isLoopbackAddress, isPublicAddress } from './public-address.ts';

/** An address as a URL's host writes it, without the brackets of IPv6; undefined where the host is a name. */
export const addressInHost = (hostname: string): string | undefined => {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  // WHATWG's URL has turned every decimal, octal or short form into four numbers.
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) ? hostname : undefined;
};

/**
 * Whether a webhook may be called at this address. `allowPrivate` is for machines of developers: any address, and without
 * TLS this machine's own.
 */
export const mayCall = (protocol: string, address: string, allowPrivate: boolean): boolean => {
  if (protocol === 'https:') return allowPrivate || isPublicAddress(address);
  return protocol === 'http:' && allowPrivate && isLoopbackAddress(address);
};

/**
 * What is wrong with a URL that somebody wants to be called at, as a phrase that follows its name; undefined when it will
 * do. A name's addresses are not known here: they are checked at every connection.
 */
export const faultOfWebhookUrl = (text: string, allowPrivate: boolean): string | undefined => {
  if (!URL.canParse(text)) return 'is not a URL';
  const { protocol, username, password, hostname, hash } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && allowPrivate)) return 'must begin with https://';
  if (username !== '' || password !== '') return 'must not hold a user name or password';
  if (hash !== '') return 'must not hold a fragment (#…)';
  const address = addressInHost(hostname);
  const isLocalName = /^(.+\.)?(localhost|local|internal)\.?$/i.test(hostname);
  const isRefused = address === undefined ? isLocalName && !allowPrivate : !mayCall(protocol, address, allowPrivate);
  return isRefused ? 'must be an address of the public internet' : undefined;
};

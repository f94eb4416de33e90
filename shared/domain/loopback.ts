/** Whether a host - a name or an address, as HOST has it - is this machine alone. */
export const isLoopback = (host: string): boolean => /^(localhost|\[?::1\]?|127(\.\d{1,3}){3})$/i.test(host.trim());

/** Whether a request was made to this machine by a name of its own: `host` is the header, with or without a port. */
export const isLoopbackHeader = (host: string | undefined): boolean =>
  host !== undefined && isLoopback(host.replace(/:\d{1,5}$/, ''));

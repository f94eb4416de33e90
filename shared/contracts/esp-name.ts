/** What an account with an ESP may be called: the name stands in addresses, metrics and event ids. */
export const espName = /^[a-z0-9-]{1,64}$/;

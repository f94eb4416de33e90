import type { Policy } from './policy.ts';

/** Every ESP alike, whatever is known of it: the measure of all other policies. */
export const even: Policy = ({ esps, providers }) => {
  const alike = (among: readonly string[]) => Object.fromEntries(among.map((esp) => [esp, 1]));
  return {
    shares: (_provider, among) => alike(among),
    scores: Object.fromEntries(providers.map((provider) => [provider, alike(esps)])),
  };
};

/**
 * The language of a text that is asked for in `asked`: the most special one of those there are (RFC 4647 §3.4, look-up:
 * `fr-CA`, then `fr`), else `fallback`. In any case of letters.
 */
export const chooseLanguage = (available: readonly string[], asked: string | undefined, fallback: string): string => {
  const byName = new Map(available.map((language) => [language.toLowerCase(), language]));
  const parts = asked?.toLowerCase().split('-') ?? [];
  for (let length = parts.length; length > 0; length -= 1) {
    const found = byName.get(parts.slice(0, length).join('-'));
    if (found !== undefined) return found;
  }
  return fallback;
};

// An encoded-word has 75 characters at most (RFC 2047 §2): 12 are its frame, and base64 makes 4 of 3 bytes.
const bytesPerWord = 45;

/** Text as encoded-words (RFC 2047), cut where no character is parted. */
export const encodedWords = (text: string): string => {
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > bytesPerWord) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
};

/** Whether a reader would take part of it for an encoded-word, and show something else than what was written. */
export const looksEncoded = (text: string): boolean => text.includes('=?');

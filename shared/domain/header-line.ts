/** Control characters, line breaks and tabs among them, as one space: none may stand in a mail header. */
export const withoutControls = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

/** Text as it comes out of a mail header: without control characters and without blanks around it. */
export const asLine = (text: string): string => withoutControls(text).trim();

/**
 * Foreign text in a form that Kafka and Postgres can keep: no NUL, no lone surrogate, at most `max` UTF-16 units.
 */
export const cleanText = (text: string, max: number): string =>
  text.replaceAll('\u0000', '').slice(0, max).trim().toWellFormed();

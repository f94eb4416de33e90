import { decodeWords } from './encoded-words.ts';
import { parseMailboxes, type Mailbox } from './wire-values.ts';

/** One mailbox in SES's spelling, with its name as a reader sees it; undefined when it is none. */
export const sesMailboxOf = (value: unknown): Mailbox | undefined => {
  const [mailbox, ...others] = typeof value === 'string' ? (parseMailboxes(value) ?? []) : [];
  if (mailbox === undefined || others.length > 0) return undefined;
  return { email: mailbox.email, name: mailbox.name === null ? null : decodeWords(mailbox.name) };
};

export type TemplateValues = Readonly<Record<string, unknown>>;

// A backslash before the braces takes their meaning from them.
const expression = /(\\?)\{\{\s*([^{}]*?)\s*\}\}/g;

/** What is wrong with an inline template: it has simple substitutions and nothing else. */
export const templateFault = (text: string): string | undefined => {
  const rest = text.replace(expression, (all, escaped: string, name: string) =>
    escaped !== '' || /^[A-Za-z_][\w.-]*$/.test(name) ? '' : all,
  );
  return /\{\{|\}\}/.test(rest) ? 'Template content only supports simple substitutions.' : undefined;
};

/** Names that the text asks for. */
export const templateNames = (text: string): readonly string[] =>
  [...text.matchAll(expression)].flatMap(([, escaped, name]) => (escaped === '' && name !== undefined ? [name] : []));

/** The text with its values; they are put in as they are and not looked at again. */
export const renderTemplate = (text: string, values: TemplateValues): string =>
  text.replace(expression, (all, escaped: string, name: string) => {
    if (escaped !== '') return all.slice(1);
    const value = values[name];
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  });

// developers.sparkpost.com/api/template-language, as far as plain variables and the brace macros go.

const macros: Readonly<Record<string, string>> = {
  'opening_double_curly()': '{{',
  'closing_double_curly()': '}}',
  'opening_triple_curly()': '{{{',
  'closing_triple_curly()': '}}}',
};
const keywords = new Set(
  (
    'address email email_id env_from return_path and break do else elseif end false for function if local nil not or ' +
    'each return then true until while'
  ).split(' '),
);
const variable = /^[A-Za-z_][A-Za-z0-9_]*$/;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '/': '&#x2F;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"'/]/g, (character) => escapes[character] ?? character);

type Part = { readonly literal: string } | { readonly name: string; readonly isRaw: boolean };

/** Where the language of a text is broken: what SparkPost's compiler says. */
export class TemplateFault extends Error {}

const isUsable = (name: string): boolean => Object.hasOwn(macros, name) || (variable.test(name) && !keywords.has(name));

const parse = (template: string): readonly Part[] => {
  const parts: Part[] = [];
  let from = 0;
  while (from < template.length) {
    const start = template.indexOf('{{', from);
    const stray = template.slice(from, start === -1 ? undefined : start).indexOf('}}');
    if (stray !== -1) throw new TemplateFault("unexpected '}}'");
    if (start === -1) break;
    if (start > from) parts.push({ literal: template.slice(from, start) });
    const isRaw = template.startsWith('{{{', start);
    const close = isRaw ? '}}}' : '}}';
    const end = template.indexOf(close, start);
    if (end === -1) throw new TemplateFault(`substitution statement missing ending '${close}'`);
    const name = template.slice(start + close.length, end).trim();
    if (!isUsable(name)) throw new TemplateFault(`unknown statement '${name}'`);
    parts.push({ name, isRaw });
    from = end + close.length;
  }
  const last = template.slice(from);
  return last === '' ? parts : [...parts, { literal: last }];
};

// A variable inside a link of html or text is URL-encoded, unless it stands in triple braces.
const isInLink = (before: string): boolean => /https?:\/\/[^\s"'<>]*$/.test(before);

/** The text with the variables of one recipient. Throws `TemplateFault`. */
export const renderTemplate = (
  template: string,
  values: Readonly<Record<string, string>>,
  place: 'header' | 'text' | 'html',
): string => {
  let result = '';
  for (const part of parse(template)) {
    if ('literal' in part) {
      result += part.literal;
      continue;
    }
    const macro = macros[part.name];
    const value = macro ?? (Object.hasOwn(values, part.name) ? (values[part.name] ?? '') : '');
    if (macro !== undefined || part.isRaw || place === 'header') result += value;
    else if (isInLink(result)) result += encodeURIComponent(value);
    else result += place === 'html' ? escapeHtml(value) : value;
  }
  return result;
};

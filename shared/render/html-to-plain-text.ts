import { compile } from 'html-to-text';

// Tokens must come through whole, so nothing may be wrapped; images say nothing in a text, links say where they lead.
const convert = compile({
  wordwrap: false,
  selectors: [
    { selector: 'img', format: 'skip' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true, linkBrackets: ['(', ')'] } },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
  ],
});

/** The plain text of an HTML mail: for those who read no HTML, and for spam filters that want both parts. */
export const htmlToPlainText = (html: string): string => convert(html);

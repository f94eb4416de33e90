// Bodies: lines, their ends, and what a mail's way over the wire could do to them.
import { several, single, to, type SameMessageCase } from './one-case.ts';

const rocket = '🚀';
const lineOf998 = 'x'.repeat(998);
const hebrew = 'שלום עולם, זה מכתב.\n‏مرحبا بالعالم\u200f\nend';
const dots = '.\n..\n.dot\nmiddle\n.\n\nlast\n.';
const longHtml = `<table>${Array.from({ length: 6_000 }, (_, row) => `<tr><td>Zeile ${row} – größer</td></tr>`).join('')}</table>`;

export const bodyCases: readonly SameMessageCase[] = [
  single('text alone', { text: 'Only text.' }, { text: 'Only text.', html: null }),
  single(
    'HTML alone, with a text made of it',
    {
      text: undefined,
      html: '<h1>Hi {{n}}</h1><p>Tea &amp; <b>cake</b></p><p><a href="https://acme.example/?a={{n}}&amp;b=2">Go</a></p>',
      recipients: to({ n: 'A&B' }),
    },
    {
      text: 'Hi A&B\n\nTea & cake\n\nGo (https://acme.example/?a=A&B&b=2)',
      html: '<h1>Hi A&amp;B</h1><p>Tea &amp; <b>cake</b></p><p><a href="https://acme.example/?a=A&amp;B&amp;b=2">Go</a></p>',
    },
  ),
  single('an empty text beside HTML', { text: '', html: '<p>Hi</p>' }, { text: 'Hi', html: '<p>Hi</p>' }),
  single('an empty text and nothing else', { text: '' }, { text: '\n' }),
  several(
    'a text that is empty for one of two',
    {
      text: '{{t}}',
      recipients: [{ email: 'a@example.org', substitutions: { t: 'Yes' } }, { email: 'b@example.org' }],
    },
    [
      { email: 'a@example.org', text: 'Yes' },
      { email: 'b@example.org', text: '\n' },
    ],
  ),
  single(
    'an HTML that holds no text',
    { text: undefined, html: '<img src="https://acme.example/a.png">' },
    { text: '\n', html: '<img src="https://acme.example/a.png">' },
  ),
  single('an empty HTML beside a text', { text: 'Hi', html: '' }, { text: 'Hi', html: null }),
  single(
    'lines of 998 characters',
    { text: `${lineOf998}\n${lineOf998}y\nend`, html: `<p>${lineOf998}</p>\n<p>${'ü'.repeat(998)}</p>` },
    { text: `${lineOf998}\n${lineOf998}y\nend`, html: `<p>${lineOf998}</p>\n<p>${'ü'.repeat(998)}</p>` },
  ),
  single('text that runs right to left', { text: hebrew, subject: 'שלום' }, { text: hebrew, subject: 'שלום' }),
  single(
    'dots at the beginnings of lines',
    { text: dots, html: `<pre>${dots}</pre>` },
    { text: dots, html: `<pre>${dots}</pre>` },
  ),
  single('dots in a text alone', { text: dots }, { text: dots }),
  single(
    'blanks at the ends of lines, and lines of blanks',
    { text: 'a \n \n\t\nb\t\n   end  ', html: '<pre>a \n \n\t\nb\t\n</pre> ' },
    { text: 'a \n \n\t\nb\t\n   end  ', html: '<pre>a \n \n\t\nb\t\n</pre> ' },
  ),
  ...['', '\n', '\n\n', ' \n', '\r\n'].map((end) =>
    several(
      `a text that ends in ${JSON.stringify(end)}, alone and beside HTML`,
      {
        text: `Hi{{v}}${end}`,
        recipients: [{ email: 'a@example.org' }],
      },
      [{ email: 'a@example.org', text: `Hi${end.replace('\r', '')}` }],
    ),
  ),
  single(
    'bodies that end in line breaks',
    { text: 'Hi\n\n', html: '<p>Hi</p>\n' },
    { text: 'Hi\n\n', html: '<p>Hi</p>\n' },
  ),
  single(
    'line ends of every kind',
    { text: 'a\r\nb\nc\rd\r\r\ne\n\rf', html: '<p>a\r\nb\nc\rd</p>' },
    { text: 'a\nb\nc\nd\n\ne\n\nf', html: '<p>a\nb\nc\nd</p>' },
  ),
  single(
    'characters of four bytes at every place of a line',
    {
      text: Array.from({ length: 80 }, (_, n) => `${'a'.repeat(n)}${rocket.repeat(12)}`).join('\n'),
      subject: rocket.repeat(120),
    },
    {
      text: Array.from({ length: 80 }, (_, n) => `${'a'.repeat(n)}${rocket.repeat(12)}`).join('\n'),
      subject: rocket.repeat(120),
    },
  ),
  single(
    'signs of the wire in a text',
    { text: 'From me\n>From you\n-- \nsignature=20=\n=C3=BC\n--boundary\nContent-Type: text/html\n\n=?utf-8?q?x?=' },
    { text: 'From me\n>From you\n-- \nsignature=20=\n=C3=BC\n--boundary\nContent-Type: text/html\n\n=?utf-8?q?x?=' },
  ),
  single('a very long HTML', { html: longHtml }, { html: longHtml }),
];

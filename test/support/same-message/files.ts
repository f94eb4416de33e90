// Attachments, and the records of other producers.
import { several, sha256, single, type SameMessageCase } from './one-case.ts';

const file = (filename: string, contentType: string, content: Buffer, contentId?: string) => ({
  asked: {
    filename,
    contentType,
    content: content.toString('base64'),
    ...(contentId === undefined ? {} : { contentId }),
  },
  // Not every provider keeps the file's name of what a `cid:` names, so nobody gets one.
  got: { filename: contentId ?? filename, contentType, contentId: contentId ?? null, sha256: sha256(content) },
});
const allBytes = Buffer.from(Array.from({ length: 1_024 }, (_, index) => index % 256));
const logo = file('logo.png', 'image/png', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), allBytes]), 'logo');
const pdf = file('Rechnung für März – 発票 🧾, "Kopie".pdf', 'application/pdf', allBytes);
const csv = file('data.csv', 'text/csv', Buffer.from('a;b\r\nä;ö\r\n.\r\n'));
const table = file('table.csv', 'text/csv; charset=iso-8859-1', Buffer.from('\xe4;\xf6', 'latin1'));
const unnamed = file('report.pdf', 'application/octet-stream', allBytes);
const plain = file('note.txt', 'text/plain', Buffer.from('no line end'));
const html = file('page.html', 'text/html', Buffer.from('<p>\n.\n</p>\r\n'));
const mail = file('old.eml', 'message/rfc822', Buffer.from('Subject: old\r\n\r\nbody\r\n'));
const page = file('page.pdf', 'application/pdf', allBytes, 'page1');
const big = file('big.dat', 'application/octet-stream', Buffer.alloc(2_000_000, 'mailfleet\n'));
const long = file(`${'ein sehr langer Name '.repeat(10)}.pdf`, 'application/pdf', allBytes);

const address = { email: 'ann@example.org', name: 'Ann' };

export const fileCases: readonly SameMessageCase[] = [
  single(
    'three attachments, one of them with a name beyond ASCII',
    { attachments: [pdf, csv, plain].map(({ asked }) => asked) },
    { attachments: [pdf, csv, plain].map(({ got }) => got) },
  ),
  single(
    'an inline image behind an attachment',
    { html: '<img src="cid:logo"><p>{{x}}</p>', attachments: [csv, logo].map(({ asked }) => asked) },
    { html: '<img src="cid:logo"><p></p>', attachments: [logo, csv].map(({ got }) => got) },
  ),
  single(
    'a page in HTML, a mail and a document with a content id, without HTML',
    { attachments: [html, mail, page, long, table, unnamed].map(({ asked }) => asked) },
    { attachments: [page, html, mail, long, table, unnamed].map(({ got }) => got) },
  ),
  single('2 MB, which go through the blob store', { attachments: [big.asked] }, { attachments: [big.got] }),
  several(
    'a record of ours',
    { subject: 'Rec {{n}}', text: '{{n}}', recipients: [{ email: 'ann@example.org', substitutions: { n: 'Ö' } }] },
    [{ subject: 'Rec Ö', text: 'Ö' }],
    'kafka',
  ),
  several(
    'a record of the Go consumer',
    {
      BatchID: 0,
      UserID: 7,
      body: {
        from: { email: 'news@acme.example', name: 'Jürgen, Größe' },
        reply_to: 'Help <help@acme.example>',
        subject: 'Hi -name-',
        personalizations: [
          {
            to: [address],
            cc: [{ email: 'boss@acme.example' }],
            substitutions: { name: 'Änn', greeting: 'hello', '%code%': '5$&' },
            custom_args: { cart: '7' },
          },
          { to: ['bob@example.org'], subject: 'Own {{name}}', substitutions: { name: 'Bob', greeting: 'bye' } },
        ],
        content: [
          { type: 'text/plain', value: '{{greeting}} -name- %code% {{unknown}}' },
          { type: 'text/html', value: '<p>{{ greeting }} {{{x}}}</p>' },
        ],
        sections: { hello: '<b>Hello {{name}}</b>', bye: 'Bye -name-' },
        headers: { 'X-Go': 'yes' },
        attachments: [{ content: plain.asked.content, filename: 'note.txt', type: 'text/plain' }],
      },
    },
    [
      {
        name: 'Ann',
        from: '"Jürgen, Größe" <news@acme.example>',
        replyTo: 'Help <help@acme.example>',
        cc: ['boss@acme.example'],
        subject: 'Hi Änn',
        text: '<b>Hello Änn</b> Änn 5$& {{unknown}}',
        html: '<p><b>Hello Änn</b> {{{x}}}</p>',
        headers: { 'X-Go': 'yes' },
        attachments: [plain.got],
      },
      {
        email: 'bob@example.org',
        from: '"Jürgen, Größe" <news@acme.example>',
        replyTo: 'Help <help@acme.example>',
        subject: 'Own Bob',
        text: 'Bye Bob Bob  {{unknown}}',
        html: '<p>Bye Bob {{{x}}}</p>',
        headers: { 'X-Go': 'yes' },
        attachments: [plain.got],
      },
    ],
    'go',
  ),
];

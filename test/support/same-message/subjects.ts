// Subjects: the one text that must stand on a line.
import { several, single, to, type SameMessageCase } from './one-case.ts';

const longest = 'Ünïcödé 🚀 世界 '.repeat(40).trim();

export const subjectCases: readonly SameMessageCase[] = [
  single('no subject', { subject: undefined }, { subject: '(no subject)' }),
  single('an empty subject', { subject: '' }, { subject: '(no subject)' }),
  several(
    'a subject that is empty for one of two',
    {
      subject: '{{s}}',
      recipients: [{ email: 'a@example.org', substitutions: { s: 'Yes' } }, { email: 'b@example.org' }],
    },
    [
      { email: 'a@example.org', subject: 'Yes' },
      { email: 'b@example.org', subject: '(no subject)' },
    ],
  ),
  single('a long subject beyond ASCII', { subject: longest }, { subject: longest }),
  single(
    'a long subject in ASCII with blanks in a row',
    { subject: `${'word  and '.repeat(60)}end` },
    { subject: `${'word  and '.repeat(60)}end` },
  ),
  single(
    'blanks around a subject, and line breaks and tabs in its values',
    { subject: '  {{a}} and {{b}} ', recipients: to({ a: 'one\r\nBcc: x@example.org', b: 'two\tthree\u0007\n' }) },
    { subject: 'one Bcc: x@example.org and two three' },
  ),
  single(
    'a subject that looks like an encoded word',
    { subject: 'About =?UTF-8?Q?B=C3=B6b?= and {{x}}', recipients: to({ x: '=?UTF-8?B?QQ==?=' }) },
    { subject: 'About =?UTF-8?Q?B=C3=B6b?= and =?UTF-8?B?QQ==?=' },
  ),
  single(
    'values in a subject are not escaped, in HTML they are',
    {
      subject: '{{v}} & co',
      text: '{{v}} & co',
      html: '<p title="{{v}}">{{v}} &amp; co</p>',
      recipients: to({ v: `<b>"Tom" & 'Jerry'</b>` }),
    },
    {
      subject: `<b>"Tom" & 'Jerry'</b> & co`,
      text: `<b>"Tom" & 'Jerry'</b> & co`,
      html: '<p title="&lt;b&gt;&#34;Tom&#34; &amp; &#39;Jerry&#39;&lt;/b&gt;">&lt;b&gt;&#34;Tom&#34; &amp; &#39;Jerry&#39;&lt;/b&gt; &amp; co</p>',
    },
  ),
];

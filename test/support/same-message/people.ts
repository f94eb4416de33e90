// Names, addresses, copies and headers.
import { several, single, to, type SameMessageCase } from './one-case.ts';

const long = 'Größe '.repeat(60).trim();

export const peopleCases: readonly SameMessageCase[] = [
  single(
    'names with umlauts, emoji, quotes and commas',
    {
      from: '"Jürgen, \\"Größe\\" 🚀" <news@acme.example>',
      replyTo: '"Hilfe, jetzt" <help@acme.example>',
      recipients: [{ email: 'zoe@example.org', name: 'Zoë "Z" Müller, Dr. 👩‍👩‍👧' }],
    },
    {
      from: '"Jürgen, \\"Größe\\" 🚀" <news@acme.example>',
      replyTo: '"Hilfe, jetzt" <help@acme.example>',
      email: 'zoe@example.org',
      name: 'Zoë "Z" Müller, Dr. 👩‍👩‍👧',
    },
  ),
  single('an empty name', { recipients: [{ email: 'ann@example.org', name: '' }] }, { name: null }),
  single('a name of blanks', { recipients: [{ email: 'ann@example.org', name: '  \t ' }] }, { name: null }),
  single(
    'a name with backslashes, angle brackets, braces and percent signs',
    { recipients: [{ email: 'ann@example.org', name: 'A\\B <c> {{d}} %%E%% (f) @g;' }] },
    { name: 'A\\B <c> {{d}} %%E%% (f) @g;' },
  ),
  single(
    'a name with more blanks than it needs',
    { recipients: [{ email: 'ann@example.org', name: ' Ann   Lee\t Jones ' }] },
    { name: 'Ann Lee Jones' },
  ),
  single(
    'a name written right to left',
    { from: '"דוד כהן" <news@acme.example>', recipients: [{ email: 'ann@example.org', name: 'محمد علي' }] },
    { from: 'דוד כהן <news@acme.example>', name: 'محمد علي' },
  ),
  single('a name of 360 characters', { recipients: [{ email: 'ann@example.org', name: long }] }, { name: long }),
  several(
    'plus-addresses, quoted local parts and a domain beyond ASCII',
    {
      recipients: [
        { email: 'ann+news@example.org' },
        { email: '"ann,lee"@example.org', name: 'Ann' },
        { email: 'ann@bücher.example' },
        { email: 'Ann <ANN.Upper@Example.ORG>' },
      ],
    },
    [
      { email: 'ann+news@example.org' },
      { email: '"ann,lee"@example.org', name: 'Ann' },
      { email: 'ann@xn--bcher-kva.example' },
      { email: 'ANN.Upper@example.org', name: 'Ann' },
    ],
  ),
  single(
    'copies, open and blind, with names, one of them twice',
    {
      recipients: [
        {
          email: 'ann@example.org',
          name: 'Ann',
          cc: ['"Boß, Chef" <boss@acme.example>', 'second@acme.example', 'ann@example.org', 'SECOND@acme.example'],
          bcc: ['Log <log@acme.example>', 'boss@acme.example'],
        },
      ],
    },
    {
      name: 'Ann',
      cc: ['"Boß, Chef" <boss@acme.example>', 'second@acme.example'],
      bcc: ['log@acme.example'],
    },
  ),
  several(
    'copies of two recipients with values of their own',
    {
      subject: 'For {{n}}',
      text: 'Hi {{n}}',
      recipients: [
        { email: 'a@example.org', substitutions: { n: 'A' }, cc: ['boss@acme.example'] },
        { email: 'b@example.org', substitutions: { n: 'B' }, bcc: ['boss@acme.example'] },
      ],
    },
    [
      { email: 'a@example.org', subject: 'For A', text: 'Hi A', cc: ['boss@acme.example'] },
      { email: 'b@example.org', subject: 'For B', text: 'Hi B', bcc: ['boss@acme.example'] },
    ],
  ),
  single(
    'headers of its own, one beyond ASCII, one with braces, one empty, names in odd case',
    {
      headers: {
        'X-Ref': '1',
        'x-lower-CASE': 'as it stands',
        'X-Note': 'Grüße, 世界 🎉 und noch viel mehr Text, damit die Zeile gefaltet werden muss, siebzig und mehr',
        'X-Template': '{{name}} %%name%% -name- {{{x}}} <%body%>',
        'X-Blank': '  two  blanks  ',
        'X-Empty': '',
        'In-Reply-To': '<abc.1@example.org>',
        References: '<abc.0@example.org> <abc.1@example.org>',
        Importance: 'high',
        'X-Priority': '1',
        'Auto-Submitted': 'auto-generated',
      },
      recipients: to({ name: 'Ann' }),
    },
    {
      headers: {
        'X-Ref': '1',
        'x-lower-CASE': 'as it stands',
        'X-Note': 'Grüße, 世界 🎉 und noch viel mehr Text, damit die Zeile gefaltet werden muss, siebzig und mehr',
        'X-Template': '{{name}} %%name%% -name- {{{x}}} <%body%>',
        'X-Blank': 'two  blanks',
        'In-Reply-To': '<abc.1@example.org>',
        References: '<abc.0@example.org> <abc.1@example.org>',
        Importance: 'high',
        'X-Priority': '1',
        'Auto-Submitted': 'auto-generated',
      },
    },
  ),
];

// Templates and the values that they are filled with.
import { several, single, to, type SameMessageCase } from './one-case.ts';

const twenty = Array.from({ length: 20 }, (_, index) => index + 1);
const letters = (person: string) => Object.fromEntries(twenty.map((n) => [`v${n}`, `${person}-${n}`]));

// What some template language, replacement or escape would trip over, were it looked at again.
const hostile = [
  ['liquid', '{{ name }} {% if x %} }} {{{y}}} {%'],
  ['percent', '%%Field%% 100% %20 %t0% %%t0%% %s % %%%'],
  ['patterns', "$& $1 $$ $` $' \\1 \\n \\\\ \\{{"],
  ['brackets', '⟦name⟧ ⟦0⟧ [%0%] [%1%] [%2%] [%%0%%] [% 1%] <%body%> -name- :name'],
  ['names', '{{t0}} {{{t1}}} {{b0}} {{mf_message_id}} %%DeliveryAddress%% %recipient%'],
] as const;

export const templateCases: readonly SameMessageCase[] = [
  several(
    'twenty substitutions for two recipients',
    {
      subject: twenty.map((n) => `{{v${n}}}`).join(' '),
      text: twenty.map((n) => `${n}: {{v${n}}}`).join('\n'),
      html: twenty.map((n) => `<li>{{ v${n} }}</li>`).join(''),
      recipients: ['ann', 'bob'].map((person) => ({ email: `${person}@example.org`, substitutions: letters(person) })),
    },
    ['ann', 'bob'].map((person) => ({
      email: `${person}@example.org`,
      subject: twenty.map((n) => `${person}-${n}`).join(' '),
      text: twenty.map((n) => `${n}: ${person}-${n}`).join('\n'),
      html: twenty.map((n) => `<li>${person}-${n}</li>`).join(''),
    })),
  ),
  several(
    'a loop, a condition and filters',
    {
      subject: '{% if vip %}Dear {{ name | upcase }}{% else %}Hi {{ name }}{% endif %}',
      text: '{% for item in cart %}{{ forloop.index }}. {{ item.title }}: {{ item.price | times: 2 }}\n{% endfor %}{{ list | join: ", " | default: "none" }}',
      html: '<ul>{% for item in cart %}<li>{{ item.title }}</li>{% endfor %}</ul>',
      recipients: [
        {
          email: 'a@example.org',
          substitutions: {
            vip: true,
            name: 'ann',
            list: ['x', 'y'],
            cart: [
              { title: 'Tea & Co', price: 2 },
              { title: '<Cup>', price: 5 },
            ],
          },
        },
        { email: 'b@example.org', substitutions: { vip: false, name: 'bob', cart: [] } },
      ],
    },
    [
      {
        email: 'a@example.org',
        subject: 'Dear ANN',
        text: '1. Tea & Co: 4\n2. <Cup>: 10\nx, y',
        html: '<ul><li>Tea &amp; Co</li><li>&lt;Cup&gt;</li></ul>',
      },
      { email: 'b@example.org', subject: 'Hi bob', text: 'none', html: '<ul></ul>' },
    ],
  ),
  several(
    'data for all, which a recipient’s own value overrides',
    {
      subject: '{{shop}} for {{name}}',
      text: '{{shop}} {{name}} {{missing}}.',
      data: { shop: 'Acme', name: 'you' },
      recipients: [{ email: 'a@example.org' }, { email: 'b@example.org', substitutions: { name: 'Bob' } }],
    },
    [
      { email: 'a@example.org', subject: 'Acme for you', text: 'Acme you .' },
      { email: 'b@example.org', subject: 'Acme for Bob', text: 'Acme Bob .' },
    ],
  ),
  single(
    'strict variables that all have values',
    { subject: '{{a}}', text: '{{b.c}}', strictVariables: true, recipients: to({ a: 'A', b: { c: 'C' } }) },
    { subject: 'A', text: 'C' },
  ),
  ...hostile.map(([name, value]) =>
    several(
      `a value with ${name}, beside literal brackets and braces`,
      {
        subject: 'Re {{v}}!',
        text: '[{{v}}] {% raw %}{{{% endraw %}{{v}}{{w}} %{{w}}% 1%] -{{v}}-',
        html: '<p>{{v}}</p>',
        recipients: [
          { email: 'a@example.org', substitutions: { v: value, w: '%0%' } },
          { email: 'b@example.org', substitutions: { v: 'plain', w: '[' } },
        ],
      },
      [
        {
          email: 'a@example.org',
          subject: `Re ${value}!`,
          text: `[${value}] {{${value}%0% %%0%% 1%] -${value}-`,
          html: `<p>${escaped(value)}</p>`,
        },
        {
          email: 'b@example.org',
          subject: 'Re plain!',
          text: '[plain] {{plain[ %[% 1%] -plain-',
          html: '<p>plain</p>',
        },
      ],
    ),
  ),
  single(
    'what other languages would replace stands as it is',
    {
      text: '-name- %%name%% <%body%> <%subject%> %name% [name] ${name} %recipient.name% *|NAME|* }} }}} { } {\n\\{\\{',
      html: '<p>-name- %%name%% <%body%> %%DeliveryAddress%% }} &#123;&#123;x&#125;&#125;</p>',
      recipients: to({ name: 'Ann' }),
    },
    {
      text: '-name- %%name%% <%body%> <%subject%> %name% [name] ${name} %recipient.name% *|NAME|* }} }}} { } {\n\\{\\{',
      html: '<p>-name- %%name%% <%body%> %%DeliveryAddress%% }} &#123;&#123;x&#125;&#125;</p>',
    },
  ),
  single(
    'raw braces of two and three',
    {
      text: '{% raw %}{{x}} {{{y}}} {%z%}{% endraw %} {{v}}',
      html: '{% raw %}<b>{{{x}}}</b>{% endraw %}{{v}}',
      recipients: to({ v: '}}' }),
    },
    { text: '{{x}} {{{y}}} {%z%} }}', html: '<b>{{{x}}}</b>}}' },
  ),
  several(
    'line breaks, tabs and marks in values',
    {
      text: 'a{{v}}b',
      html: '<pre>{{v}}</pre>',
      recipients: [
        { email: 'a@example.org', substitutions: { v: 'x\r\ny\rz\n\n\tw' } },
        {
          email: 'b@example.org',
          substitutions: { v: 'e\u0301 👩‍🚀 \u200d\u200b\u00ad\u202e\u2028\u0085 \ud83c\uddee\ud83c\uddf8' },
        },
      ],
    },
    [
      { email: 'a@example.org', text: 'ax\ny\nz\n\n\twb', html: '<pre>x\ny\nz\n\n\tw</pre>' },
      {
        email: 'b@example.org',
        text: 'ae\u0301 👩‍🚀 \u200d\u200b\u00ad\u202e\u2028\u0085 \ud83c\uddee\ud83c\uddf8b',
        html: '<pre>e\u0301 👩‍🚀 \u200d\u200b\u00ad\u202e\u2028\u0085 \ud83c\uddee\ud83c\uddf8</pre>',
      },
    ],
  ),
  several(
    'a value of 80,000 characters beside short ones',
    {
      text: 'Start {{v}} end',
      html: '<p>{{v}}</p>',
      recipients: [
        { email: 'a@example.org', substitutions: { v: 'lörem '.repeat(13_333) } },
        { email: 'b@example.org', substitutions: { v: 'short' } },
      ],
    },
    [
      {
        email: 'a@example.org',
        text: `Start ${'lörem '.repeat(13_333)} end`,
        html: `<p>${'lörem '.repeat(13_333)}</p>`,
      },
      { email: 'b@example.org', text: 'Start short end', html: '<p>short</p>' },
    ],
  ),
  single(
    'numbers, booleans, null and lists as values',
    { text: '{{n}} {{f}} {{t}} {{z}} {{l}}.', recipients: to({ n: 7, f: 0.5, t: true, z: null, l: ['a', 'b'] }) },
    { text: '7 0.5 true  ab.' },
  ),
  several(
    'a thousand recipients, each with a name and a number',
    {
      subject: 'Nr. {{n}}',
      text: 'Hi {{name}}, you are {{n}}.',
      html: '<p>{{name}}</p>',
      recipients: Array.from({ length: 1_000 }, (_, n) => ({
        email: `person${n}@example.org`,
        name: n % 2 === 0 ? `Person ${n}` : '',
        substitutions: { n, name: `N${n} & Söhne` },
        metadata: { cart: String(n) },
      })),
      tags: ['welcome', 'größe'],
    },
    Array.from({ length: 1_000 }, (_, n) => ({
      email: `person${n}@example.org`,
      name: n % 2 === 0 ? `Person ${n}` : null,
      subject: `Nr. ${n}`,
      text: `Hi N${n} & Söhne, you are ${n}.`,
      html: `<p>N${n} &amp; Söhne</p>`,
    })),
  ),
];

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');
}

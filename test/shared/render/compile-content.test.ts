import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { compileContent, type TextTemplates } from '../../../shared/render/compile-content.ts';

type Variables = Readonly<Record<string, string>>;

/** What a recipient reads: every token replaced by its value. */
const render = (templates: TextTemplates, variables: Variables) => {
  const compiled = compileContent(templates);
  const values = compiled.valuesFor(variables);
  const filled = (text: string | undefined): string | undefined =>
    text === undefined
      ? undefined
      : text
          .split(/(\[%+\d+%+\])/)
          .map((piece) => (Object.hasOwn(values, piece) ? values[piece] : piece))
          .join('');
  return {
    subject: filled(compiled.texts.subject),
    text: filled(compiled.texts.text),
    html: filled(compiled.texts.html),
  };
};
const refusal = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('The texts of a mail', () => {
  it('have the recipient’s values in their places', () => {
    const templates = { subject: 'Hello {{name}}', text: 'Hi {{ name }}, {{city}}!', html: '<p>Hi {{name}}</p>' };
    expect(render(templates, { name: 'Ann', city: 'Bonn' })).toEqual({
      subject: 'Hello Ann',
      text: 'Hi Ann, Bonn!',
      html: '<p>Hi Ann</p>',
    });
  });

  it('are escaped in html alone', () => {
    const hostile = `<script>alert("x")</script> & 'y'`;
    const { subject, text, html } = render({ subject: '{{v}}', text: '{{v}}', html: '<p>{{v}}</p>' }, { v: hostile });
    expect([subject, text]).toEqual([hostile, hostile]);
    expect(html).toBe('<p>&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; &#39;y&#39;</p>');
  });

  it('keep the sender’s own html as it is', () => {
    expect(compileContent({ subject: 's', html: '<b title="x">&amp;</b>' }).texts.html).toBe('<b title="x">&amp;</b>');
  });

  it('never let a value add a header: its line breaks become spaces in a subject, and stay elsewhere', () => {
    const { subject, text } = render({ subject: 'Hi {{v}}', text: '{{v}}' }, { v: 'a\r\nBcc: b@example.org\n' });
    expect(subject).toBe('Hi a Bcc: b@example.org');
    expect(text).toBe('a\nBcc: b@example.org\n');
  });

  it('never let a condition in a subject add a line either', () => {
    const { subject } = render({ subject: '{% if v %}a\n{{v}}{% endif %}' }, { v: 'b\r\nc' });
    expect(subject).toBe('a b c');
  });

  it('leave unknown variables empty', () => {
    expect(render({ subject: 'Hi {{nobody}}!' }, {}).subject).toBe('Hi !');
  });

  it('reach nothing by inheritance', () => {
    const text = '{{ constructor }}{{ __proto__ }}{{ name.constructor }}{{ toString }}{{ name.__proto__.constructor }}';
    expect(render({ subject: 's', text }, { name: 'Ann' }).text).toBe('\n');
  });

  it('are literal where they only look like tokens', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('[%0%]', '[%1%]', '[%%0%%]', '[%', '%]', '[', 'x', '{{a}}', '{{b}}'), {
          maxLength: 12,
        }),
        (pieces) => {
          const template = pieces.join('');
          const expected = pieces.map((piece) => (piece === '{{a}}' ? 'A' : piece === '{{b}}' ? 'B' : piece)).join('');
          const compiled = compileContent({ subject: 's', text: template });
          const values = compiled.valuesFor({ a: 'A', b: 'B' });
          // Each token stands exactly once, so replacing in any order gives the same text.
          for (const token of Object.keys(values)) expect(compiled.texts.text?.split(token)).toHaveLength(2);
          const filled = Object.entries(values).reduce(
            (text, [token, value]) => text.replace(token, () => value),
            compiled.texts.text ?? '',
          );
          expect(filled).toBe(expected || '\n');
        },
      ),
    );
  });

  it('have one token an output, so that one call can serve many recipients', () => {
    const compiled = compileContent({ subject: '{{a}}', text: 'x {{a}} y {{b}} z' });
    expect(compiled.texts.text).toMatch(/^x \S+ y \S+ z$/);
    expect(Object.keys(compiled.valuesFor({}))).toHaveLength(3);
  });

  it('are one token as a whole where a tag can change anything', () => {
    const templates = { subject: 's', text: 'Dear {% if vip %}{{name}}{% else %}customer{% endif %}, hello' };
    const compiled = compileContent(templates);
    expect(Object.keys(compiled.valuesFor({ vip: '1', name: 'Ann' }))).toEqual([compiled.texts.text]);
    expect(render(templates, { vip: '1', name: 'Ann' }).text).toBe('Dear Ann, hello');
    expect(render(templates, {}).text).toBe('Dear customer, hello');
  });

  it('have a token for every value and a value for every token', () => {
    const compiled = compileContent({
      subject: '{{a}}',
      text: '{{a}} {{b}}',
      html: '{% if a %}x{% endif %}',
    });
    const all = `${compiled.texts.subject}${compiled.texts.text ?? ''}${compiled.texts.html ?? ''}`;
    for (const token of Object.keys(compiled.valuesFor({}))) expect(all).toContain(token);
  });
});

describe('A template that cannot be used', () => {
  it.each([
    ['an open output', 'Hi {{name'],
    ['an open tag', '{% if x %}'],
    ['an unknown tag', '{% nothing %}'],
    ['an unknown filter', '{{ x | nothing }}'],
    ['include, which would read a file', "{% include '/etc/passwd' %}"],
    ['render', "{% render '../../../../etc/passwd' %}"],
    ['layout', "{% layout 'package.json' %}"],
    ['include inside a condition', "{% if true %}{% include 'package.json' %}{% endif %}"],
  ])('is refused before anything is sent: %s', (_, template) => {
    for (const field of ['subject', 'text', 'html'] as const) {
      const error = refusal(() => compileContent({ subject: 's', [field]: template }));
      expect(error).toBeInstanceOf(InvalidMessageError);
      expect(error).toMatchObject({ code: 'bad-template' });
    }
  });

  it('ends where it would cost more than a long mail', () => {
    const compiled = compileContent({ subject: 's', text: '{% for i in (1..100000000) %}xxxxxxxxxx{% endfor %}' });
    expect(refusal(() => compiled.valuesFor({}))).toMatchObject({ code: 'bad-template' });
  });
});

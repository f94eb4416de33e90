import type { TemplateValues } from '../contracts/email.ts';
import { Liquid, TokenKind, type Template } from 'liquidjs';
import { asLine, withoutControls } from '../domain/header-line.ts';
import { InvalidMessageError } from '../errors.ts';
import { htmlToPlainText } from './html-to-plain-text.ts';

/** The three texts of a mail, as templates. */
export interface TextTemplates {
  readonly subject: string;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
}

export interface CompiledTexts {
  /** The texts with an opaque token wherever recipients may differ. */
  readonly texts: TextTemplates;
  /** The ready string of every token for one recipient's variables. Throws `InvalidMessageError` `bad-template`. */
  valuesFor(variables: TemplateValues): Record<string, string>;
}

// Limits keep a hostile template from costing more than a long mail would (loops, huge strings). `templates: {}` keeps
// everything away from the file system; own properties only, so that no value is reached by inheritance.
const limits = { parseLimit: 10_000_000, renderLimit: 500, memoryLimit: 50_000_000 };
// Ten thousand recipients times a template that keeps below its own limit would still be hours.
const allowedMs = 5_000;
const allowedMsEach = 10;
const engineFor = (outputEscape: 'escape' | undefined, strictVariables: boolean): Liquid => {
  const engine = new Liquid({
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables,
    ...limits,
    ...(outputEscape === undefined ? {} : { outputEscape }),
  });
  // There is nothing to include; without these tags a text that tries is refused where it is parsed, at the door.
  delete engine.tags['include'];
  delete engine.tags['render'];
  delete engine.tags['layout'];
  return engine;
};
const engines = {
  lenient: { plain: engineFor(undefined, false), escaping: engineFor('escape', false) },
  strict: { plain: engineFor(undefined, true), escaping: engineFor('escape', true) },
};

// Mail knows one kind of line end (RFC 5322 §2.3). Through some ESPs the others would come out as they went in, through
// others changed; so they are made one before any ESP sees them.
const withOneLineEnd = (text: string): string => text.replace(/\r\n?/g, '\n');

interface Piece {
  readonly token: string;
  evaluate(variables: TemplateValues): string;
}

// The engine quotes the text around a fault. Line and column say as much, and reasons are kept longer than texts are.
const withoutQuotes = (message: string): string => message.replace(/"[^"]*"/g, '"…"');

const badTemplate = (field: string, error: unknown): InvalidMessageError =>
  new InvalidMessageError(
    'bad-template',
    `The ${field} is not a valid template: ${error instanceof Error ? withoutQuotes(error.message) : ''}`,
  );

// A token must not stand in the texts already; what a sender writes by chance never looks like the longer forms.
const tokenMaker = (templates: TextTemplates): (() => string) => {
  const all = `${templates.subject}${templates.text ?? ''}${templates.html ?? ''}`;
  let mark = '%';
  while (all.includes(`[${mark}`)) mark += '%';
  let next = 0;
  return () => `[${mark}${next++}${mark}]`;
};

interface TextKind {
  readonly engine: Liquid;
  /** Blanks at its ends do not count, so an output there makes the whole text one token. */
  readonly isTrimmed?: true;
  /** What stands for a text that comes out empty. */
  readonly insteadOfNothing?: string;
  /** For a text that is evaluated as a whole, where that is another one. */
  readonly wholeEngine?: Liquid;
  /** What is done to the value of one output. */
  readonly finishValue: (value: string) => string;
  /** What is done to fixed text between tokens, or to a whole text that is one token. */
  readonly finishText: (text: string) => string;
}

const compileText = (field: string, asked: string, kind: TextKind, newToken: () => string) => {
  const { engine } = kind;
  const template = kind.isTrimmed === true ? asked.trim() : asked;
  const parseWith = (parser: Liquid): Template[] => {
    try {
      return parser.parse(template);
    } catch (error) {
      throw badTemplate(field, error);
    }
  };
  const parsed = parseWith(engine);
  const pieces: Piece[] = [];
  const piece = (parts: Template[], finish: (text: string) => string): string => {
    const token = newToken();
    const evaluate = (variables: TemplateValues): string => {
      try {
        return finish(String(engine.renderSync(parts, variables)));
      } catch (error) {
        throw badTemplate(field, error);
      }
    };
    pieces.push({ token, evaluate });
    return token;
  };
  // With nothing but outputs between fixed text, each output is a token and one call serves many recipients. A tag
  // (condition, loop, assignment) can change anything, so then the whole text is one token; so it is where the value at
  // an end decides what the text begins or ends with.
  const isOutput = (part: Template | undefined): boolean => part?.token.kind === TokenKind.Output;
  const endsInValue = kind.isTrimmed === true && [parsed[0], parsed.at(-1)].some(isOutput);
  const mayBeEmpty = kind.insteadOfNothing !== undefined && parsed.length > 0 && parsed.every(isOutput);
  const finishText = (text: string): string => kind.finishText(text) || (kind.insteadOfNothing ?? '');
  if (endsInValue || mayBeEmpty || parsed.some((part) => part.token.kind === TokenKind.Tag)) {
    // Escaping is bound when a template is parsed.
    const whole = kind.wholeEngine === undefined ? parsed : parseWith(kind.wholeEngine);
    return { text: piece(whole, (text) => finishText(kind.finishValue(text))), pieces };
  }
  const text = parsed
    .map((part) =>
      part.token.kind === TokenKind.Output ? piece([part], kind.finishValue) : String(engine.renderSync([part], {})),
    )
    .join('');
  return { text: finishText(text), pieces };
};

const keep = (text: string): string => text;
// Some ESPs refuse an empty subject or text and others do not; the same message must come out of all of them.
const noSubject = '(no subject)';
const noText = '\n';
const kindsOf = ({
  plain,
  escaping,
}: (typeof engines)['strict']): Record<'subject' | 'text' | 'html' | 'textOfHtml', TextKind> => ({
  subject: {
    engine: plain,
    isTrimmed: true,
    insteadOfNothing: noSubject,
    finishValue: withoutControls,
    finishText: asLine,
  },
  text: { engine: plain, insteadOfNothing: noText, finishValue: withOneLineEnd, finishText: keep },
  html: { engine: escaping, finishValue: withOneLineEnd, finishText: keep },
  // A text part made from the HTML: its values stand unescaped, since nothing reads them as HTML any more. A whole HTML
  // is evaluated before it is converted, so there its values are still HTML.
  textOfHtml: {
    engine: plain,
    wholeEngine: escaping,
    insteadOfNothing: noText,
    finishValue: withOneLineEnd,
    finishText: htmlToPlainText,
  },
});
const kinds = { lenient: kindsOf(engines.lenient), strict: kindsOf(engines.strict) };

/**
 * Compiles the texts of a mail (Liquid). Values are HTML-escaped in `html` alone. A subject is one line without blanks
 * around it, so that no value can add a header; neither it nor the text comes out empty; lines end in `\n`. Without a text one is made from the
 * HTML; an empty text or HTML counts as none. Unknown variables are empty, or with `strictVariables` a fault of the
 * evaluation. Throws `InvalidMessageError` `bad-template` for a template that cannot be parsed. An evaluation is given up after
 * 0.5 s (`bad-template`), and all of them after 5 s or 10 ms a recipient, whichever is more (`slow-template`).
 */
export const compileContent = (
  asked: TextTemplates,
  options: { readonly strictVariables?: boolean } = {},
): CompiledTexts => {
  const templates: TextTemplates = {
    subject: asked.subject,
    text: asked.text === '' && asked.html ? undefined : asked.text && withOneLineEnd(asked.text),
    html: asked.html === '' && asked.text ? undefined : asked.html && withOneLineEnd(asked.html),
  };
  const kind = options.strictVariables === true ? kinds.strict : kinds.lenient;
  const newToken = tokenMaker(templates);
  const compile = (field: string, template: string, of: TextKind) => compileText(field, template, of, newToken);
  const subject = compile('subject', templates.subject, kind.subject);
  const html = templates.html === undefined ? undefined : compile('html', templates.html, kind.html);
  const text =
    templates.text !== undefined
      ? compile('text', templates.text, kind.text)
      : templates.html !== undefined
        ? compile('html', templates.html, kind.textOfHtml)
        : undefined;
  const pieces = [...subject.pieces, ...(text?.pieces ?? []), ...(html?.pieces ?? [])];
  let spentMs = 0;
  let times = 0;
  return {
    texts: { subject: subject.text, text: text?.text, html: html?.text },
    valuesFor: (variables) => {
      if (spentMs > Math.max(allowedMs, allowedMsEach * times)) {
        throw new InvalidMessageError(
          'slow-template',
          `The templates take too long: ${Math.round(spentMs)} ms for ${times} recipients.`,
        );
      }
      const before = performance.now();
      try {
        return Object.fromEntries(pieces.map((part) => [part.token, part.evaluate(variables)]));
      } finally {
        spentMs += performance.now() - before;
        times += 1;
      }
    },
  };
};

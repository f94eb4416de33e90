import type { EmailRequest } from '../contracts/email.ts';

/** The words of a code's mail in one language; `{{ code }}` and `{{ minutes }}` are filled in when it is sent. */
interface CodeWords {
  readonly subject: string;
  readonly heading: string;
  readonly life: string;
  readonly notYou: string;
}

const words: Readonly<Record<string, CodeWords>> = {
  en: {
    subject: 'Your verification code',
    heading: 'Your verification code is',
    life: 'It is good for {{ minutes }} minute{% if minutes > 1 %}s{% endif %} and can be used once.',
    notYou: 'If you did not ask for it, you can ignore this message. Nobody will ever ask you for the code.',
  },
  de: {
    subject: 'Ihr Bestätigungscode',
    heading: 'Ihr Bestätigungscode lautet',
    life: 'Er gilt {{ minutes }} Minute{% if minutes > 1 %}n{% endif %} und kann einmal verwendet werden.',
    notYou:
      'Wenn Sie ihn nicht angefordert haben, können Sie diese Nachricht ignorieren. Niemand wird Sie je nach dem Code fragen.',
  },
  fr: {
    subject: 'Votre code de vérification',
    heading: 'Votre code de vérification est',
    life: 'Il est valable {{ minutes }} minute{% if minutes > 1 %}s{% endif %} et ne peut être utilisé qu’une fois.',
    notYou: 'Si vous ne l’avez pas demandé, ignorez ce message. Personne ne vous demandera jamais ce code.',
  },
  es: {
    subject: 'Su código de verificación',
    heading: 'Su código de verificación es',
    life: 'Es válido durante {{ minutes }} minuto{% if minutes > 1 %}s{% endif %} y se puede usar una sola vez.',
    notYou: 'Si no lo ha pedido, puede ignorar este mensaje. Nadie le pedirá nunca el código.',
  },
};

const fallback = words['en'] ?? { subject: '', heading: '', life: '', notYou: '' };

/** `de-AT` is served in `de`, and what nobody has written yet in English. */
const wordsFor = (language: string | undefined): CodeWords => {
  const [base = ''] = (language ?? '').toLowerCase().split(/[-_]/);
  return words[base] ?? fallback;
};

/** Where an account has a stored template of this id, its codes are mailed in those words. */
export const codeTemplateId = 'otp';

/** Minutes as people say them: a part of one counts whole. */
export const wholeMinutes = (seconds: number): number => Math.max(1, Math.ceil(seconds / 60));

/** The usual mail of a code in this language (BCP 47), without its recipient. The code itself is never part of it. */
export const codeMail = (language: string | undefined): Pick<EmailRequest, 'subject' | 'text' | 'html'> => {
  const { subject, heading, life, notYou } = wordsFor(language);
  return {
    subject,
    text: `${heading} {{ code }}.\n\n${life}\n\n${notYou}\n`,
    html: `<p>${heading}</p><p style="font-size:28px;letter-spacing:4px"><strong>{{ code }}</strong></p><p>${life}</p><p>${notYou}</p>`,
  };
};

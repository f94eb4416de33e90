import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { TemplateContent, TemplateTexts } from '../../shared/contracts/templates-api.ts';
import type { Database } from '../../shared/db/connect.ts';
import { loadTemplate } from '../../shared/db/templates.ts';
import type { Fault } from '../../shared/domain/check-email-request.ts';
import { InfrastructureError, InvalidMessageError } from '../../shared/errors.ts';
import { compileContent } from '../../shared/render/compile-content.ts';
import { Refusal } from './refusal.ts';

/**
 * What of consent and stored templates the door can tell of a request: that this fleet can sign links, that there is such a
 * template (the refusal `not-found` where there is none), and its texts. With Postgres away the request is taken, and a template that is not there becomes a dead letter.
 */
export const checkStoredParts = async (
  db: Database,
  accountId: string,
  { template, unsubscribe }: EmailRequest,
  canSignLinks: boolean,
): Promise<{ readonly faults: readonly Fault[]; readonly texts: Partial<TemplateTexts> }> => {
  const faults =
    unsubscribe !== undefined && !canSignLinks
      ? [{ pointer: '/unsubscribe', detail: 'cannot be used: this fleet has no JWT_SECRET to sign links with' }]
      : [];
  if (template === undefined) return { faults, texts: {} };
  try {
    const found = await loadTemplate(db, accountId, template.id, template.language);
    if (found === undefined) {
      throw new Refusal('not-found', 'There is no such template.', {
        errors: [{ pointer: '/template/id', detail: 'names no template of this account' }],
      });
    }
    return { faults, texts: { subject: found.subject, text: found.text, html: found.html } };
  } catch (error) {
    if (!(error instanceof InfrastructureError)) throw error;
    return { faults, texts: {} };
  }
};

/** The faults of a template that is to be stored: every language can be parsed, and the one that stands for all is there. */
export const templateFaults = ({ defaultLanguage, languages }: TemplateContent): Fault[] => {
  const faults: Fault[] = [];
  const seen = new Set<string>();
  if (!Object.hasOwn(languages, defaultLanguage)) {
    faults.push({ pointer: '/defaultLanguage', detail: 'is none of the languages' });
  }
  for (const [language, texts] of Object.entries(languages)) {
    const at = `/languages/${language}`;
    if (seen.has(language.toLowerCase())) faults.push({ pointer: at, detail: 'is there twice' });
    seen.add(language.toLowerCase());
    if (texts.text === undefined && texts.html === undefined)
      faults.push({ pointer: `${at}/text`, detail: 'is required when there is no html' });
    for (const field of ['subject', 'text', 'html'] as const) {
      const text = texts[field];
      if (text === undefined) continue;
      try {
        compileContent({ subject: '', [field]: text });
      } catch (error) {
        if (!(error instanceof InvalidMessageError)) throw error;
        faults.push({ pointer: `${at}/${field}`, detail: error.message });
      }
    }
  }
  return faults;
};

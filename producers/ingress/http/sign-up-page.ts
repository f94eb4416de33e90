import type { LinkPurpose } from '../sign-up-keys.ts';
import { escapeHtml, page } from './unsubscribe-page.ts';

const asks: Readonly<Record<LinkPurpose, readonly [title: string, question: string, button: string, done: string]>> = {
  confirm: ['Confirm your key', 'Shall the key that was made for', 'Confirm', 'The key works now.'],
  deregister: ['Remove your key', 'Shall the key be removed of', 'Remove', 'There is no key any more.'],
};

/** Asks before anything is done: links are opened by scanners, too. */
export const confirmingPage = (purpose: LinkPurpose, id: string): string => {
  const [title, question, button] = asks[purpose];
  const end = purpose === 'confirm' ? ' work from now on?' : '?';
  return page(
    title,
    `<p>${question} ${escapeHtml(id)}${end}</p>\n<form method="post"><button type="submit">${button}</button></form>`,
  );
};

export const confirmedPage = (purpose: LinkPurpose, id: string): string =>
  page('Done', `<p>${escapeHtml(id)}: ${asks[purpose][3]}</p>`);

export const deadLinkPage = (): string =>
  page('This link cannot be used', '<p>It is not complete, was changed, or its day is over.</p>');

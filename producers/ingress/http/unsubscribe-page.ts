const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] ?? '');

export const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`;

/** Asks before anything is done: links are opened by scanners, too. */
export const askingPage = (email: string, list: string): string =>
  page(
    'Unsubscribe',
    `<p>Shall ${escapeHtml(email)} get no more mail of the list “${escapeHtml(list)}”?</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Unsubscribe</button>
</form>`,
  );

export const donePage = (email: string, list: string): string =>
  page(
    'You are unsubscribed',
    `<p>${escapeHtml(email)} gets no more mail of the list “${escapeHtml(list)}”. Mail that is on its way may still arrive.</p>`,
  );

export const badLinkPage = (): string =>
  page(
    'This link cannot be used',
    '<p>It is not complete, or it was changed. Please open it from the mail itself.</p>',
  );

export const badFormPage = (): string =>
  page('Nothing was changed', '<p>Please open the link from the mail and press its button.</p>');

// Shares roughly like those of a consumer list; the last two stand for company domains (RFC 2606 names).
const domains = [
  ...Array.from({ length: 9 }, () => 'gmail.com'),
  ...Array.from({ length: 4 }, () => 'outlook.com'),
  ...Array.from({ length: 3 }, () => 'yahoo.com'),
  ...Array.from({ length: 2 }, () => 'icloud.com'),
  'acme-corp.example',
  'widgets.example',
];
const names = ['Ann', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gül', 'Hugo', 'Ines', 'Jürgen'];

/** The demo's request: one text, `size` recipients with their own values. */
export const demoRequest = (size: number) => ({
  from: 'Acme News <news@acme.example>',
  subject: 'Hello {{name}}, your spring news',
  text: 'Hi {{name}},\n\nthis is message {{number}} of the demo.\n',
  html: '<p>Hi {{name}},</p><p>this is message {{number}} of the demo.</p>',
  tags: ['demo'],
  recipients: Array.from({ length: size }, (_, index) => {
    const name = names[index % names.length] ?? 'Ann';
    const domain = domains[(index * 7) % domains.length] ?? 'widgets.example';
    return { email: `person${index + 1}@${domain}`, name, substitutions: { name, number: String(index + 1) } };
  }),
});

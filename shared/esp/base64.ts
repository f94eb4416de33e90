/** Whether a text is base64 as it is written, with every bit of it in use: what is lenient here lets changed bytes pass. */
export const isBase64 = (text: string): boolean => Buffer.from(text, 'base64').toString('base64') === text;

const decodedBytes = (base64: string): number =>
  (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);

/**
 * Bytes of one message with its attachments, as `MAX_MESSAGE_BYTES` counts them: texts in UTF-8, attachments decoded.
 */
export const messageBytes = (content: {
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly attachments?: readonly { readonly content: string }[] | undefined;
}): number =>
  Buffer.byteLength(content.text ?? '') +
  Buffer.byteLength(content.html ?? '') +
  (content.attachments ?? []).reduce((sum, attachment) => sum + decodedBytes(attachment.content), 0);

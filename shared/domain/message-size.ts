/**
 * Bytes of one message with its attachments, as `MAX_MESSAGE_BYTES` counts them: texts in UTF-8, attachments decoded
 * (three bytes for four characters of base64).
 */
export const messageBytes = (content: {
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly attachments?: readonly { readonly content: string }[] | undefined;
}): number =>
  Buffer.byteLength(content.text ?? '') +
  Buffer.byteLength(content.html ?? '') +
  (content.attachments ?? []).reduce((sum, attachment) => sum + Math.floor((attachment.content.length * 3) / 4), 0);

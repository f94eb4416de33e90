import { describe, expect, it } from '@jest/globals';
import { messageBytes } from '../../../shared/domain/message-size.ts';

describe('The size of a message', () => {
  it.each([0, 1, 2, 3, 4, 100, 101, 102])('counts the %i bytes of an attachment, not its base64', (size) => {
    const content = Buffer.alloc(size, 'x').toString('base64');
    expect(messageBytes({ text: 'ü', html: '<p>', attachments: [{ content }, { content }] })).toBe(5 + 2 * size);
  });
});

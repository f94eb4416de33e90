import { describe, expect, it } from '@jest/globals';
import { judge, type AcceptedMail, type ToldMessage } from './oracle.ts';

const mail = (messageId: string, esp = 'postmark'): AcceptedMail => ({
  messageId,
  attemptId: null,
  email: `${messageId}@example.org`,
  esp,
});
const told = (...messages: readonly (Partial<ToldMessage> & { readonly id: string })[]) =>
  new Map(
    messages.map((message) => [message.id, { status: 'sent', duplicateSuspected: false, reason: null, ...message }]),
  );
const acked = (...ids: readonly string[]) => ids.map((id) => ({ id, email: `${id}@example.org` }));
const submitted = new Set(['a@example.org', 'b@example.org', 'c@example.org']);

describe('The oracle', () => {
  it('finds nothing wrong where everybody got one mail', () => {
    const found = judge({
      submitted,
      acked: acked('a', 'b'),
      accepted: [mail('a'), mail('b')],
      told: told({ id: 'a' }),
    });
    expect(found).toEqual({ lost: [], duplicates: [], unflagged: [], phantom: [], firstTakenBy: {} });
  });

  it('calls lost what was acknowledged and neither taken nor ended for a told reason', () => {
    const messages = told(
      { id: 'a', status: 'failed', reason: 'postmark: no such mailbox' },
      { id: 'b', status: 'failed' },
      { id: 'c', status: 'unknown' },
    );
    const evidence = { submitted, acked: acked('a', 'b', 'c', 'd'), accepted: [], told: messages };
    expect(judge(evidence).lost).toEqual(['b', 'c', 'd']);
    expect(judge({ ...evidence, mayStayUnknown: true }).lost).toEqual(['b', 'd']);
  });

  it('tells duplicates that the message admits from those that it does not, and who had them first', () => {
    const accepted = [mail('a', 'sparkpost'), mail('a'), mail('b'), mail('b'), mail('b'), mail('c')];
    const found = judge({
      submitted,
      acked: acked('a', 'b', 'c'),
      accepted,
      told: told({ id: 'a', duplicateSuspected: true }, { id: 'b' }),
    });
    expect(found.duplicates).toEqual(['a', 'b']);
    expect(found.unflagged).toEqual(['b']);
    expect(found.firstTakenBy).toEqual({ sparkpost: 1, postmark: 1 });
  });

  it('sees mail that nobody asked for', () => {
    expect(judge({ submitted, acked: [], accepted: [mail('x')], told: told() }).phantom).toEqual(['x']);
  });

  it('counts mail that lacks our id by its address', () => {
    const bare = { ...mail('a'), messageId: null };
    const found = judge({ submitted, acked: acked('a'), accepted: [bare, bare], told: told() });
    expect(found.lost).toEqual([]);
    expect(found.duplicates).toEqual(['a@example.org']);
  });
});

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type {
  Delivery,
  DeliveryAnswer,
  Esp,
  EspEvent,
  EspKind,
  MailContent,
  TranslateWebhook,
  VerifyWebhook,
} from '../../../shared/esp/esp.ts';
import { startSimulator, type TestSimulator } from '../../simulator/start-simulator.ts';

/** What an ESP can do beyond what all of them can; a test of a capability runs only where it is declared. */
export interface EspCapabilities {
  readonly kind: EspKind;
  readonly create: (baseUrl: string, credentials: 'right' | 'wrong', simulator: TestSimulator) => Esp;
  /** Neither is given for one that tells nothing by webhook. */
  readonly verify?: (simulator: TestSimulator) => VerifyWebhook;
  readonly translate?: TranslateWebhook;
  /** It speaks no HTTP, so nothing stands in between that could answer in its place, and its refusals are final. */
  readonly speaksSmtp?: true;
  /** The provider names the recipient that it refuses, and takes the others of the call. */
  readonly takesTheRestOfACall: boolean;
  /** It takes the rest of a call without naming whom it left out: then all of the call are unknown. */
  readonly leavesTheRefusedUnnamed?: true;
  /** An inline image is known by its content id alone. */
  readonly losesNamesOfInlineImages?: true;
  /** Our ids come back only with a call of one recipient; otherwise an event names the call and the address. */
  readonly namesTheCallInstead?: true;
  /** 429 comes with a time to come back. */
  readonly tellsWhenToComeBack: boolean;
}

const options = { connectTimeoutMs: 2_000, totalTimeoutMs: 10_000 };

const content: MailContent = {
  from: { email: 'news@acme.example', name: 'Jürgen, "Größe" 🚀' },
  replyTo: { email: 'help@acme.example', name: 'Hilfe' },
  subject: 'Hallo ⟦name⟧ 🎉',
  text: 'Grüße, ⟦name⟧! $& $1 ⟦name⟧ hat ⟦count⟧ neue.',
  html: '<p>Grüße, <b>⟦name⟧</b>! ⟦count⟧</p><img src="cid:logo">',
  headers: { 'X-Ref': 'r-1' },
  tags: ['welcome', 'second'],
  attachments: [
    { filename: 'logo.png', contentType: 'image/png', content: 'aGVsbG8=', contentId: 'logo' },
    { filename: 'a.txt', contentType: 'text/plain', content: 'd29ybGQ=' },
  ],
};

export const deliveryTo = (number: number, change: Partial<Delivery> = {}): Delivery => ({
  messageId: `01890a5d-0000-7000-8000-${String(number).padStart(12, '0')}`,
  attemptId: `01890a5d-0000-7000-8000-${String(number).padStart(12, '0')}.1`,
  to: { email: `person${number}@example.org`, name: `Zoë Nr. ${number}, Dr.` },
  cc: [],
  bcc: [],
  content,
  values: { '⟦name⟧': `Ann$& ${number}`, '⟦count⟧': String(number) },
  metadata: { cart: String(number) },
  ...change,
});

const brokenServer = async (listener: RequestListener): Promise<{ url: string; close: () => void }> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

/** The suite that every ESP passes, over real HTTP against the simulator. */
export const espContract = (capabilities: EspCapabilities): void => {
  const { kind } = capabilities;
  const { verify, translate } = capabilities;
  const inlineName = capabilities.losesNamesOfInlineImages ? 'logo' : 'logo.png';

  describe(`${kind} keeps the contract of an ESP`, () => {
    let simulator: TestSimulator;
    let esp: Esp;
    const open: Esp[] = [];
    const create = (baseUrl: string, credentials: 'right' | 'wrong' = 'right'): Esp => {
      const made = capabilities.create(baseUrl, credentials, simulator);
      open.push(made);
      return made;
    };

    beforeAll(async () => {
      simulator = await startSimulator();
      esp = create(`${simulator.address}/${kind}`);
    });
    afterEach(async () => {
      await simulator.reset();
    });
    afterAll(async () => {
      await Promise.all(open.map((made) => made.close()));
      await simulator.close();
    });

    const sendOne = async (to: Esp = esp, given = options): Promise<DeliveryAnswer | undefined> =>
      (await to.send([deliveryTo(1)], given))[0];

    // Over several connections messages may pass one another.
    const acceptedInOrder = async () => [...(await simulator.accepted())].sort((a, b) => (a.email < b.email ? -1 : 1));

    it('delivers names, subject and bodies as written, each with the values of its recipient', async () => {
      const deliveries = [1, 2, 3].map((number) => deliveryTo(number));
      const answers = await esp.send(deliveries, options);
      expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted']);
      const accepted = await acceptedInOrder();
      expect(accepted).toHaveLength(3);
      deliveries.forEach(({ messageId, attemptId, to }, index) => {
        const name = `Ann$& ${index + 1}`;
        expect(accepted[index]).toMatchObject({
          esp: kind,
          messageId,
          attemptId,
          email: to.email,
          name: to.name,
          from: '"Jürgen, \\"Größe\\" 🚀" <news@acme.example>',
          replyTo: 'Hilfe <help@acme.example>',
          subject: `Hallo ${name} 🎉`,
          text: `Grüße, ${name}! $& $1 ${name} hat ${index + 1} neue.`,
          html: `<p>Grüße, <b>${name}</b>! ${index + 1}</p><img src="cid:logo">`,
          headers: { 'X-Ref': 'r-1' },
          attachments: [
            { filename: inlineName, contentType: 'image/png', contentId: 'logo' },
            { filename: 'a.txt', contentType: 'text/plain', contentId: null },
          ],
        });
      });
    });

    it('answers the id that the provider gave', async () => {
      const answer = await sendOne();
      const [accepted] = await simulator.accepted();
      expect(answer).toEqual({ outcome: 'accepted', providerMessageId: accepted?.providerMessageId });
    });

    it('hands over copies, and replaces tokens in headers', async () => {
      const cc = [{ email: 'boss@acme.example', name: 'Boss' }];
      const headers = { 'X-Plain': 'same', 'X-For': 'for ⟦name⟧' };
      const shared = { ...content, headers };
      const answers = await esp.send(
        [1, 2].map((number) => deliveryTo(number, { cc, bcc: [{ email: 'log@acme.example' }], content: shared })),
        options,
      );
      expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
      const accepted = await acceptedInOrder();
      expect(accepted.map(({ headers: given }) => given)).toEqual([
        { 'X-Plain': 'same', 'X-For': 'for Ann$& 1' },
        { 'X-Plain': 'same', 'X-For': 'for Ann$& 2' },
      ]);
      expect(accepted[1]).toMatchObject({ cc: ['Boss <boss@acme.example>'], bcc: ['log@acme.example'] });
    });

    it('delivers values that are longer than a provider substitutes', async () => {
      const long = 'ü'.repeat(20_000);
      const answers = await esp.send(
        [deliveryTo(1), deliveryTo(2, { values: { '⟦name⟧': long, '⟦count⟧': '2' } })],
        options,
      );
      expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
      const accepted = await simulator.accepted();
      const texts = accepted.map(({ email, html }) => [email, html]);
      expect(texts).toContainEqual(['person1@example.org', expect.stringContaining('<b>Ann$& 1</b>')]);
      expect(texts).toContainEqual(['person2@example.org', expect.stringContaining(`<b>${long}</b>! 2`)]);
    });

    it('takes as many deliveries in one call as its limits say', async () => {
      const plain: MailContent = { ...content, attachments: [] };
      const count = esp.limits.deliveriesPerCall;
      const deliveries = Array.from({ length: count }, (_, index) => deliveryTo(index, { content: plain }));
      const answers = await esp.send(deliveries, options);
      expect(answers).toHaveLength(count);
      expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']));
      const accepted = await simulator.accepted();
      expect(accepted.map(({ email }) => email)).toEqual(deliveries.map(({ to }) => to.email));
    });

    it('gets its own ids back through signed webhooks', async () => {
      if (verify === undefined || translate === undefined) return;
      await simulator.control(kind, {
        delivered: 1,
        bounced: 0,
        opened: 1,
        clicked: 1,
        complained: 1,
        webhookDelayMs: 1,
      });
      const deliveries = [1, 2].map((number) => deliveryTo(number));
      const answers = (await esp.send(deliveries, options)).map((answer) =>
        answer.outcome === 'accepted' ? answer : undefined,
      );
      const isGenuine = verify(simulator);
      const events = await simulator.until(async () => {
        const seen: EspEvent[] = [];
        for (const post of simulator.posts(kind)) {
          if ((await isGenuine(post)) !== true) throw new Error('a webhook that does not verify');
          const { events: translated, rest } = translate(post.rawBody);
          expect(rest).toEqual([]);
          seen.push(...translated);
        }
        return seen.length >= 8 ? seen : undefined;
      });
      expect(new Set(events.map(({ id }) => id)).size).toBe(8);
      const accepted = await simulator.accepted();
      deliveries.forEach(({ messageId, attemptId, to }, index) => {
        const isOwn = (event: EspEvent): boolean =>
          capabilities.namesTheCallInstead
            ? event.providerMessageId === answers[index]?.providerMessageId && event.recipient === to.email
            : event.messageId === messageId;
        const own = events.filter(isOwn);
        expect(own.map(({ type }) => type).sort()).toEqual(['clicked', 'complained', 'delivered', 'opened']);
        for (const event of own) {
          expect(event).toMatchObject({
            recipient: to.email,
            attemptId: capabilities.namesTheCallInstead ? undefined : attemptId,
          });
          expect(event.providerMessageId).toBe(accepted[index]?.providerMessageId);
        }
      });
    });

    it('calls a throttled call unavailable', async () => {
      await simulator.control(kind, { rate429: 1 });
      const answer = await sendOne();
      expect(answer).toMatchObject({ outcome: 'unavailable', reason: 'throttled' });
      expect(answer !== undefined && 'retryAfterMs' in answer).toBe(capabilities.tellsWhenToComeBack);
      expect(await simulator.accepted()).toEqual([]);
    });

    it('calls an outage that the provider itself tells unavailable', async () => {
      await simulator.control(kind, { outage: true });
      expect(await sendOne()).toMatchObject({ outcome: 'unavailable', reason: 'outage' });
    });

    it('does not know what became of a call that ended in 500', async () => {
      if (capabilities.speaksSmtp) return;
      await simulator.control(kind, { rate500: 1 });
      expect(await sendOne()).toMatchObject({ outcome: 'unknown', code: expect.stringMatching(/^500/) });
    });

    it('does not know what became of a call that was taken and never answered', async () => {
      await simulator.control(kind, { acceptThenHang: 1 });
      const answer = await sendOne(esp, { connectTimeoutMs: 1_000, totalTimeoutMs: 300 });
      expect(answer).toMatchObject({ outcome: 'unknown', code: 'ETIMEDOUT' });
      expect(await simulator.accepted()).toHaveLength(1);
    });

    it('does not know what became of a call whose connection was reset after it was taken', async () => {
      await simulator.control(kind, { acceptThenReset: 1 });
      expect(await sendOne()).toMatchObject({ outcome: 'unknown', code: 'ECONNRESET' });
      expect(await simulator.accepted()).toHaveLength(1);
    });

    it('does not know what became of a call that was reset before it was taken', async () => {
      await simulator.control(kind, { resetBefore: 1 });
      const answer = await sendOne();
      // A relay has no message before its final dot; an HTTP API may have one from the first byte on.
      if (capabilities.speaksSmtp) expect(answer).toMatchObject({ outcome: 'unavailable', reason: 'outage' });
      else expect(answer).toMatchObject({ outcome: 'unknown', code: 'ECONNRESET' });
      expect(await simulator.accepted()).toEqual([]);
    });

    it('reads an answer whose body comes slowly, within its deadline', async () => {
      if (capabilities.speaksSmtp) return;
      await simulator.control(kind, { slowBodyMs: 100 });
      expect(await sendOne()).toMatchObject({ outcome: 'accepted' });
      await simulator.control(kind, { slowBodyMs: 3_600_000 });
      const answer = await sendOne(esp, { connectTimeoutMs: 1_000, totalTimeoutMs: 300 });
      expect(answer).toMatchObject({ outcome: 'unknown', code: 'ETIMEDOUT' });
    });

    it('does not know what became of a call whose answer is half of one', async () => {
      if (capabilities.speaksSmtp) return;
      await simulator.control(kind, { truncated: 1 });
      // SendGrid's answer has no body: its status and its header say everything.
      const expected = kind === 'sendgrid' ? 'accepted' : 'unknown';
      expect((await esp.send([deliveryTo(1), deliveryTo(2)], options)).map(({ outcome }) => outcome)).toEqual([
        expected,
        expected,
      ]);
      expect(await simulator.accepted()).toHaveLength(2);
    });

    it('tells apart whom the provider took and whom it refused', async () => {
      await simulator.control(kind, { partialSuccess: 0.5 });
      const deliveries = Array.from({ length: 40 }, (_, number) => deliveryTo(number + 1));
      const size = Math.min(deliveries.length, esp.limits.deliveriesPerCall);
      const calls = Array.from({ length: deliveries.length / size }, (_, call) =>
        esp.send(deliveries.slice(call * size, (call + 1) * size), options),
      );
      const answers = (await Promise.all(calls)).flat();
      const outcomeOf = new Map(deliveries.map(({ to }, place) => [to.email, answers[place]?.outcome]));
      const taken = new Set((await simulator.accepted()).map(({ email }) => email));
      for (const [email, outcome] of outcomeOf) {
        if (capabilities.leavesTheRefusedUnnamed) expect(outcome).toBe('unknown');
        else if (taken.has(email)) expect(outcome).toBe('accepted');
        else expect(['recipient-refused', 'refused']).toContain(outcome);
      }
      expect(taken.size).toBeLessThan(40);
      if (capabilities.takesTheRestOfACall) expect(taken.size).toBeGreaterThan(0);
    });

    it.each([
      ['a closed port', 'http://127.0.0.1:1'],
      ['a name that is none', 'http://esp.invalid'],
      ['a TLS address without TLS', 'TLS'],
    ])('knows that nothing was sent to %s', async (_what, url) => {
      const base = url === 'TLS' ? simulator.address.replace('http:', 'https:') : url;
      expect(await sendOne(create(base))).toMatchObject({ outcome: 'unavailable', reason: 'outage' });
    });

    it.each([502, 503, 504, 200, 302])('does not know what a stranger’s answer %i says of the mail', async (status) => {
      if (capabilities.speaksSmtp || (status === 200 && kind === 'sendgrid')) return;
      const stranger = await brokenServer((request, response) => {
        request.resume();
        response.writeHead(status, { 'content-type': 'text/html' }).end('<html>gateway</html>');
      });
      const answer = await sendOne(create(stranger.url));
      stranger.close();
      expect(answer).toMatchObject({ outcome: 'unknown' });
    });

    it('holds its deadline against an answer that drips', async () => {
      if (capabilities.speaksSmtp) return;
      const dripping = await brokenServer((request, response) => {
        request.resume();
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => {
          clearInterval(drip);
        });
      });
      const answer = await sendOne(create(dripping.url), { connectTimeoutMs: 1_000, totalTimeoutMs: 300 });
      dripping.close();
      expect(answer).toMatchObject({ outcome: 'unknown', code: 'ETIMEDOUT' });
    });

    it('tells that its credentials are wrong', async () => {
      const wrong = create(`${simulator.address}/${kind}`, 'wrong');
      expect(await sendOne(wrong)).toMatchObject({ outcome: 'refused', reason: 'credentials' });
    });

    it('blames a bad recipient and nobody else', async () => {
      const bad = deliveryTo(2, { to: { email: 'nobody' } });
      const [first, second, third] = await esp.send([deliveryTo(1), bad, deliveryTo(3)], options);
      if (capabilities.leavesTheRefusedUnnamed) {
        expect([first?.outcome, second?.outcome, third?.outcome]).toEqual(['unknown', 'unknown', 'unknown']);
        expect(await simulator.accepted()).toHaveLength(2);
        expect(await esp.send([bad], options)).toMatchObject([{ outcome: 'recipient-refused' }]);
        return;
      }
      expect(second).toMatchObject({ outcome: 'recipient-refused' });
      const others = capabilities.takesTheRestOfACall ? 'accepted' : 'refused';
      expect([first?.outcome, third?.outcome]).toEqual([others, others]);
      expect(await simulator.accepted()).toHaveLength(capabilities.takesTheRestOfACall ? 2 : 0);
    });

    it('calls content that the provider refuses refused', async () => {
      if (capabilities.speaksSmtp) return;
      const empty: MailContent = { ...content, text: '', html: '' };
      const [answer] = await esp.send([deliveryTo(1, { content: empty })], options);
      expect(answer).toMatchObject({ outcome: 'refused', reason: 'content' });
    });
  });
};

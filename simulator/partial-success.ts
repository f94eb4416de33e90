import type { Random } from './random.ts';
import type { Receipt, SimulatedEsp, WireRequest } from './simulated-esp.ts';

// An address that no provider takes, and that is told back as it was given.
const spoil = (email: string): string => email.replace(/@(?=[^@]*$)/, '@refused@');
const mend = (text: string): string => text.replaceAll('@refused@', '@');

/**
 * Lets a provider refuse a share of a call's recipients in its own way: their addresses are spoiled before it looks at
 * the call. Answers what it said and took, and the body as it saw it.
 */
export const receivePartly = (
  esp: SimulatedEsp,
  request: WireRequest,
  share: number,
  random: Random,
): { readonly receipt: Receipt; readonly body: Buffer } => {
  // Whom the call is for is asked of the provider itself; without its key, so that this is no call that it remembers.
  const { taken } = esp.receive({ ...request, headers: { ...request.headers, 'idempotency-key': undefined } });
  const text = taken
    .filter(() => random() < share)
    .reduce((body, { email }) => body.replaceAll(email, spoil(email)), request.body.toString('utf8'));
  const body = Buffer.from(text);
  const receipt = esp.receive({ ...request, body });
  return { receipt: { ...receipt, answer: { ...receipt.answer, body: mend(receipt.answer.body) } }, body };
};

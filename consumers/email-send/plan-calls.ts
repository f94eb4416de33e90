import type { Delivery, EspLimits } from '../../shared/esp/esp.ts';

const bytes = (text: string | undefined): number => (text === undefined ? 0 : Buffer.byteLength(text));
const bytesOfAll = (texts: Readonly<Record<string, string>>): number =>
  Object.entries(texts).reduce((sum, [name, value]) => sum + bytes(name) + bytes(value), 0);

/** Size of a delivery inside a call, in bytes, but for JSON escapes, which the margin of an ESP's limit covers. */
const ownBytes = (delivery: Delivery): number => {
  const people = [delivery.to, ...delivery.cc, ...delivery.bcc];
  const addresses = people.reduce((sum, { email, name }) => sum + bytes(email) + bytes(name) + 40, 0);
  return 500 + addresses + bytesOfAll(delivery.values) + bytesOfAll(delivery.metadata);
};
const contentBytes = ({ content }: Delivery): number =>
  bytes(content.subject) +
  bytes(content.text) +
  bytes(content.html) +
  content.attachments.reduce((sum, attachment) => sum + attachment.content.length, 0);

const addressesOf = (delivery: Delivery): string[] =>
  [delivery.to, ...delivery.cc, ...delivery.bcc].map((address) => address.email.toLowerCase());

// Content that is too large by itself must not make a call of every recipient: the ESP takes it or refuses it, once.
const ownBytesBesideTooMuch = 1_000_000;
const bytesFor = (first: Delivery | undefined, { bytesPerCall, oneContentPerCall }: EspLimits): number => {
  const shared = first !== undefined && oneContentPerCall ? contentBytes(first) : 0;
  return shared > bytesPerCall ? shared + ownBytesBesideTooMuch : bytesPerCall;
};

/**
 * Packs one ESP's deliveries into as few calls as its limits allow, in order. Where all deliveries of a call must share
 * one content, an address also stands only once in a call (SendGrid refuses repeats) and cc and bcc count as recipients.
 */
export const planCalls = (deliveries: readonly Delivery[], limits: EspLimits): Delivery[][] => {
  const groups = new Map<unknown, Delivery[]>();
  for (const delivery of deliveries) {
    const key = limits.oneContentPerCall ? delivery.content : 'any';
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [delivery]);
    else group.push(delivery);
  }
  const calls: Delivery[][] = [];
  for (const group of groups.values()) {
    let call: Delivery[] = [];
    let total = 0;
    let addresses = new Set<string>();
    for (const delivery of group) {
      const own = addressesOf(delivery);
      const isShared = limits.oneContentPerCall && call.length > 0;
      const size = ownBytes(delivery) + (isShared ? 0 : contentBytes(delivery));
      const repeats = limits.oneContentPerCall && own.some((address) => addresses.has(address));
      const isFull =
        call.length >= limits.deliveriesPerCall ||
        total + size > bytesFor(call[0], limits) ||
        (limits.oneContentPerCall && addresses.size + own.length > limits.deliveriesPerCall);
      if (call.length > 0 && (isFull || repeats)) {
        calls.push(call);
        call = [];
        total = 0;
        addresses = new Set();
      }
      call.push(delivery);
      total += call.length === 1 ? ownBytes(delivery) + contentBytes(delivery) : size;
      for (const address of own) addresses.add(address);
    }
    if (call.length > 0) calls.push(call);
  }
  return calls;
};

// In:  requests (whole or a part), and ids of stored messages that are due, of one lane.
// Out: ESP calls; every attempt and its answer in Postgres.
// On redelivery: stored messages are left alone - their row (or the reaper) owns them - so nothing is sent twice.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { SendLane, Topic } from '../../shared/contracts/topics.ts';
import type { SendRecord, SharedContent } from '../../shared/contracts/email.ts';
import { InfrastructureError, InvalidMessageError } from '../../shared/errors.ts';
import type { MessageClass } from '../../shared/domain/next-attempt.ts';
import { defineConsumer, type BatchContext, type Incoming } from '../../shared/runtime/define-consumer.ts';
import type { Failpoint } from '../../shared/runtime/failpoint.ts';
import { originId } from '../../shared/runtime/origin-id.ts';
import { done, reject, type Outcome } from '../../shared/runtime/outcome.ts';
import { compileMail, type CompiledMail } from './compile-mail.ts';
import type { MakeLink } from '../../shared/domain/unsubscribe-link.ts';
import type { Templates } from './consumer-templates.ts';
import { keyOfRecord, type NoteKeys } from './consumer-keys.ts';
import { deliverMessages, type ClaimedMessage, type DeliveryPorts } from './deliver-messages.ts';
import { readSeedRecord } from './read-seed-record.ts';
import type { RecordKey } from '../../shared/db/idempotency.ts';
import type { HeavyContents } from './consumer-content.ts';
import { prepareRequest, senderOf, type PreparedRequest } from './prepare-request.ts';
import type { Senders } from './consumer-senders.ts';

export interface Claims {
  /**
   * Stores and claims what is new of these requests; answers what is ours to send now, and the requests whose id is taken
   * by another account.
   */
  claimNew(
    requests: readonly PreparedRequest[],
    leaseToken: string,
  ): Promise<{ readonly claimed: readonly ClaimedMessage[]; readonly taken: readonly PreparedRequest[] }>;
  /** Claims stored messages whose time has come. */
  claimDue(ids: readonly string[], leaseToken: string): Promise<readonly ClaimedMessage[]>;
}

/** Whether mail can go anywhere now. */
export interface Gate {
  isShut(): Promise<boolean>;
  /** Takes this round's probes; answers how many messages may be tried although the gate is shut. */
  holdProbes(): Promise<number>;
}

export interface EmailSendDeps {
  readonly lane: SendLane;
  readonly topic: Topic<SendRecord>;
  readonly configuredEsps: readonly string[];
  readonly claims: Claims;
  readonly noteKeys: NoteKeys;
  readonly content: HeavyContents;
  readonly senders: Senders;
  readonly templates: Templates;
  /** Without one, mail that names a list cannot be sent. */
  readonly makeLink?: MakeLink | undefined;
  readonly ports: DeliveryPorts;
  /** Without one, mail always goes on. */
  readonly gate?: Gate;
  readonly passFailpoint?: (point: Failpoint) => void;
}

const laneClasses: Readonly<Record<SendLane, MessageClass>> = {
  'email-send': 'transactional',
  'email-send-bulk': 'bulk',
  'email-send-otp': 'otp',
};

// Small enough that a killed process leaves few messages in doubt, large enough for full ESP calls.
const recipientsPerSlice = 2_000;

/** Compiles the content of a request once, so that its parts go out in common calls: ESPs group by the object. */
const sharedCompiler = (
  makeLink: MakeLink | undefined,
): ((asked: SharedContent, requestId: string, accountId: string) => CompiledMail) => {
  const known = new Map<string, { readonly asked: SharedContent; readonly mail: CompiledMail }>();
  return (asked, requestId, accountId) => {
    const before = known.get(requestId);
    if (before !== undefined && isDeepStrictEqual(before.asked, asked)) return before.mail;
    const mail = compileMail(asked, { accountId, makeLink });
    known.set(requestId, { asked, mail });
    return mail;
  };
};

/** Cuts requests into slices of about `recipientsPerSlice` recipients, never a request in two. */
const inSlices = (requests: readonly PreparedRequest[]): PreparedRequest[][] => {
  const slices: PreparedRequest[][] = [];
  let slice: PreparedRequest[] = [];
  let size = 0;
  for (const request of requests) {
    if (slice.length > 0 && size + request.recipients.length > recipientsPerSlice) {
      slices.push(slice);
      slice = [];
      size = 0;
    }
    slice.push(request);
    size += request.recipients.length;
  }
  if (slice.length > 0) slices.push(slice);
  return slices;
};

const noEsp = (): InfrastructureError =>
  new InfrastructureError('no-esp', 'No ESP takes mail now; the records wait on their topic.');

/** What is small enough to try a sick ESP with: ids of waiting messages before a new request, which is claimed as a whole. */
const smallestWork = (requests: readonly PreparedRequest[], due: readonly string[], probes: number) => {
  if (due.length > 0) return { requests: [], due: due.slice(0, probes) };
  const [smallest] = [...requests].sort((a, b) => a.recipients.length - b.recipients.length);
  return { requests: smallest === undefined ? [] : [smallest], due: [] };
};

/** The consumer of one lane. */
export const emailSend = ({
  lane,
  topic,
  configuredEsps,
  claims,
  noteKeys,
  content,
  senders,
  templates,
  makeLink,
  ports,
  gate,
  passFailpoint = () => undefined,
}: EmailSendDeps) => {
  const watched = (progress: BatchContext['progress']): DeliveryPorts => ({
    ...ports,
    send: async (...call) => {
      const answers = await ports.send(...call);
      passFailpoint('after-esp-accept');
      return answers;
    },
    record: async (ended) => {
      progress?.();
      const held = await ports.record(ended);
      passFailpoint('after-db-write');
      progress?.();
      return held;
    },
  });
  // What was tried while the gate was shut: a request is stored then, and a message that waits for its time again would
  // stand before all others for ever.
  const tried = new Set<string>();

  /** Claims and sends all of it; answers the requests whose id is another account's. */
  const deliver = async (
    requests: readonly PreparedRequest[],
    due: readonly string[],
    context: BatchContext,
  ): Promise<readonly PreparedRequest[]> => {
    const mustGoOn = (): void => {
      // What is not claimed yet stays on the topic, for whoever has the partition next.
      if (context.signal.aborted) throw new InfrastructureError('partition-lost', 'The partition was taken away.');
    };
    const foreign: PreparedRequest[] = [];
    const send = async (messages: readonly ClaimedMessage[]): Promise<void> => {
      passFailpoint('after-claim');
      await deliverMessages(messages, watched(context.progress));
    };
    for (const slice of inSlices(requests)) {
      mustGoOn();
      passFailpoint('before-claim');
      const { claimed, taken } = await claims.claimNew(slice, randomUUID());
      foreign.push(...taken);
      await send(claimed);
    }
    for (let start = 0; start < due.length; start += recipientsPerSlice) {
      mustGoOn();
      passFailpoint('before-claim');
      await send(await claims.claimDue(due.slice(start, start + recipientsPerSlice), randomUUID()));
    }
    return foreign;
  };

  return defineConsumer<SendRecord>({
    name: lane,
    topics: [topic],
    maxRecords: 1_000,
    handleBatch: async (records, context) => {
      const prepared: PreparedRequest[] = [];
      const keyed: { readonly place: number; readonly key: RecordKey }[] = [];
      const places = new Map<PreparedRequest, number>();
      const due: string[] = [];
      const outcomes: Outcome[] = [];
      const compile = sharedCompiler(makeLink);
      const judgeSender = await senders.judgeFor(
        records.flatMap(({ value }) => ('recipients' in value ? [senderOf(value)] : [])),
      );
      const chooseTexts = await templates.chooseFor(
        records.flatMap(({ value }) =>
          'recipients' in value && value.template !== undefined
            ? [{ accountId: senderOf(value).accountId, template: value.template }]
            : [],
        ),
      );
      const prepare = async (record: Incoming<SendRecord>, place: number): Promise<Outcome> => {
        const { value } = record;
        if ('due' in value) {
          due.push(...value.due);
          return done();
        }
        try {
          const request = 'body' in value ? readSeedRecord(value) : value;
          const key = keyOfRecord(record.headers, request);
          const requestId = key?.requestId ?? originId(record, context);
          const heavy = request.contentRef === undefined ? undefined : await content.load(request.contentRef);
          const { accountId } = senderOf(request);
          const prepared_ = prepareRequest(request, {
            template: request.template && chooseTexts({ accountId, template: request.template }),
            heavy,
            compile,
            requestId,
            laneClass: laneClasses[lane],
            configuredEsps,
            judgeSender,
          });
          places.set(prepared_, place);
          prepared.push(prepared_);
          if (key !== undefined) keyed.push({ place, key });
          return done();
        } catch (error) {
          if (error instanceof InvalidMessageError) return reject(error.code, error.message);
          throw error;
        }
      };
      for (const record of records) outcomes.push(await prepare(record, outcomes.length));
      const areSame = await noteKeys(keyed.map(({ key }) => key));
      const refused = new Set<string>();
      keyed.forEach(({ place, key }, index) => {
        if (areSame[index] === true) return;
        refused.add(key.requestId);
        outcomes[place] = reject('idempotency-key-reused', 'Its idempotency key was used for another request.');
      });
      const requests = prepared.filter(({ id }) => !refused.has(id));

      if (gate !== undefined && requests.length + due.length > 0 && (await gate.isShut())) {
        const probes = await gate.holdProbes();
        if (probes > 0) {
          const fresh = requests.filter(({ id }) => !tried.has(id));
          const least = smallestWork(
            fresh,
            due.filter((id) => !tried.has(id)),
            probes,
          );
          const ids = [...least.requests.map(({ id }) => id), ...least.due];
          // Once all of it has had its turn, what waited for its time may be due again.
          if (ids.length === 0) tried.clear();
          for (const id of ids) tried.add(id);
          await deliver(least.requests, least.due, context);
        }
        // All of it comes again, and what was tried is left alone then.
        throw noEsp();
      }
      tried.clear();
      for (const request of await deliver(requests, due, context)) {
        const at = places.get(request);
        if (at !== undefined) outcomes[at] = reject('id-taken', 'Another account has a request with this id.');
      }
      return outcomes;
    },
  });
};

import { apportion } from '../../shared/domain/apportion.ts';
import { messageIdsOf, requestIdOfRecord } from '../../shared/domain/request-ids.ts';
import { drawFate, type Fate } from './draw-fate.ts';
import { isAway, seedEsps } from './esp-behaviour.ts';
import { peopleOf, type Person } from './people.ts';
import { createRandom } from '../../shared/domain/random.ts';
import { historyDays, dayMs, planTraffic, type PlannedSend } from './traffic.ts';
import { createWeightsHistory, sequenceOf, type SeedDecision } from './weights-history.ts';

export interface SeedSettings {
  readonly messages: number;
  readonly seed: number;
  /** The end of the history; nothing of it happens then or later. */
  readonly untilMs: number;
}

export interface SeededMessage {
  readonly id: string;
  readonly position: number;
  readonly person: Person;
  readonly atMs: number;
  readonly fate: Fate;
}

export interface SeededRequest {
  readonly id: string;
  readonly send: PlannedSend;
  readonly batchId: string;
  readonly decision: SeedDecision;
  readonly split: Readonly<Record<string, number>>;
  readonly messages: readonly SeededMessage[];
}

/** How the ids of this seed's requests end, by which its rows are known again. */
export const requestSuffix = (seed: number): string => `.seed-${seed}`;

const decisionsPerSeed = 1_000_000;
const noContent = new Uint8Array();
const sendsPerSecond = 100;

/**
 * The ids of this seed's weight decisions. They are negative: the newest decision is the one with the highest id, and
 * an invented past must not outrank what the fleet itself has decided.
 */
export const decisionIdsOf = (seed: number): { readonly first: number; readonly last: number } => {
  const first = -(seed + 1) * decisionsPerSeed;
  return { first, last: first + decisionsPerSeed - 1 };
};

/** The invented history of a seed: its requests in the order of time, and the weight decisions behind them. */
export interface SeededHistory {
  requests(): Generator<SeededRequest>;
  /** Those made up to now; complete when `requests` has ended. */
  decisions(): readonly SeedDecision[];
}

const awayAt = (sinceMs: number): ReadonlySet<string> => new Set(seedEsps.filter((esp) => isAway(esp, sinceMs)));

/** Makes up a history. The same settings give the same one; only one request of it is held at a time. */
export const seedHistory = ({ messages, seed, untilMs }: SeedSettings): SeededHistory => {
  const random = createRandom(Math.imul(seed + 1, 0x9e3779b1));
  const personOf = peopleOf(seed);
  const audience = Math.max(200, Math.floor(messages / 5));
  const beginMs = untilMs - historyDays * dayMs;
  const history = createWeightsHistory(decisionIdsOf(seed).first);

  const makeRequest = (send: PlannedSend, number: number): SeededRequest => {
    const { atMs, accountId, size } = send;
    const away = awayAt(atMs - beginMs);
    const batchId = send.isBatch ? (send.campaign ?? '') : '';
    const decision =
      batchId === '' ? history.standing(accountId, atMs, away) : history.forBatch(accountId, batchId, atMs, away);
    const single = size === 1 && send.campaign === undefined ? history.nextSingle(decision) : undefined;
    const split =
      single === undefined ? apportion(size, decision.weights) : { ...apportion(0, decision.weights), [single]: 1 };
    const esps = single === undefined ? sequenceOf(split) : [single];

    const place = { cluster: 'seed', topic: 'seed', partition: seed, offset: String(number) };
    const id = requestIdOfRecord({ ...place, timestampMs: atMs, value: noContent }) + requestSuffix(seed);
    const idOf = messageIdsOf(id);
    // A stretch of the audience that begins anywhere: nobody gets one campaign twice.
    const firstPerson = random.int(audience);
    const messagesOfRequest = esps.map((esp, position): SeededMessage => {
      const person = personOf((firstPerson + position) % audience);
      const sentMs = atMs + 5 + Math.floor((position * 1_000) / sendsPerSecond);
      const fate = drawFate({ person, esp, atMs: sentMs, sinceMs: sentMs - beginMs }, untilMs, random);
      history.learn(accountId, fate);
      return { id: idOf(position), position, person, atMs: sentMs, fate };
    });
    return { id, send, batchId, decision, split, messages: messagesOfRequest };
  };

  return {
    requests: function* () {
      let number = 0;
      for (const send of planTraffic({ messages, untilMs, audience }, random)) {
        yield makeRequest(send, number);
        number += 1;
      }
    },
    decisions: () => history.decisions(),
  };
};

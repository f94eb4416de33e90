import kafkajs, { type Message, type Producer } from 'kafkajs';
import { kafkaClient } from '../../shared/runtime/kafka.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';
import { few, seededBy, type PartOptions, type PartResult } from './part.ts';
import { classes, type Fate, type ForeignRecord, type Road } from './record-classes.ts';
import { fleetFaults, uncommitted } from './watch-fleet.ts';

const { CompressionTypes, Partitioners } = kafkajs;
const silent = createLog({ name: 'hostile', level: 'silent' });
const perClass = 530;
const goodRecords = 2_000;
const partitions = 12;
const chunkBytes = 1_200_000;

interface Planned extends ForeignRecord {
  readonly road: Road;
  readonly topic: string;
  readonly kind: string;
  readonly fate: Fate | 'done';
}

const place = (topic: string, partition: number, offset: string | number | bigint): string =>
  `${topic}:${partition}:${offset}`;

/** Every class at least 500 times on topics of both kinds, with good ones between them, in an order of the seed's. */
const plan = (options: PartOptions, random: () => number): Planned[] => {
  const { environment } = options.fleet;
  const email = environment['KAFKA_EMAIL_TOPIC'] ?? '';
  const topics: Readonly<Record<Road, readonly string[]>> = {
    email: [email, `${email}-bulk`, `${email}-otp`],
    delivery: [environment['KAFKA_DELIVERY_TOPIC'] ?? ''],
  };
  const planned: Planned[] = [];
  let n = 0;
  const on = (road: Road): string => topics[road][n % topics[road].length] ?? '';
  for (const [kind, make] of Object.entries(classes)) {
    for (let index = 0; index < perClass; index += 1) {
      n += 1;
      const road: Road = index % 2 === 0 ? 'email' : 'delivery';
      planned.push({ ...make(n, random, road), road, topic: on(road), kind });
    }
  }
  for (let index = 0; index < goodRecords; index += 1) {
    n += 1;
    const road: Road = index % 2 === 0 ? 'email' : 'delivery';
    const value =
      road === 'email'
        ? {
            id: `good-${index}`,
            ...{ from: 'news@acme.example', subject: 'Hello', text: 'Hi' },
            recipients: [{ email: `good${index}@gmail.com` }],
          }
        : { domain: `good${index % 100}.example`, type: 'delivered', count: 3 };
    planned.push({
      key: `good-${index}`,
      value: JSON.stringify(value),
      road,
      topic: on(road),
      kind: 'good',
      fate: 'done',
    });
  }
  return planned
    .map((record) => ({ record, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ record }) => record);
};

const codecs = [
  CompressionTypes.None,
  CompressionTypes.GZIP,
  CompressionTypes.Snappy,
  CompressionTypes.LZ4,
  CompressionTypes.ZSTD,
];

const messageOf = ({ key, value, headers }: Planned, partition: number): Message => ({
  key,
  value,
  partition,
  ...(headers === undefined ? {} : { headers: { ...headers } }),
});

const sendOrTell = async (producer: Pick<Producer, 'send'>, record: Parameters<Producer['send']>[0]) => {
  try {
    return await producer.send(record);
  } catch (error) {
    throw new Error(
      `Kafka did not take a batch of codec ${record.compression ?? 0} with ${record.messages.length} records`,
      { cause: error },
    );
  }
};

const chunksOf = (records: readonly Planned[]): Planned[][] => {
  const chunks: Planned[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = (record.value?.length ?? 0) + 200;
    const last = chunks.at(-1);
    if (last === undefined || bytes + size > chunkBytes || last.length >= 50) {
      chunks.push([record]);
      bytes = size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return chunks;
};

/** Puts every record on a partition of its topic and answers each one's place: batches of every codec, a third of them in transactions. */
const produce = async (options: PartOptions, records: readonly Planned[]): Promise<Map<string, Planned>> => {
  const client = kafkaClient(options.fleet.brokers, 'hostile', silent);
  const createPartitioner = Partitioners.DefaultPartitioner;
  const plain = client.producer({ createPartitioner });
  const transactional = client.producer({
    createPartitioner,
    transactionalId: 'hostile',
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await Promise.all([plain.connect(), transactional.connect()]);
  const places = new Map<string, Planned>();
  const send = async (producer: Pick<Producer, 'send'>, chunk: readonly Planned[], turn: number): Promise<void> => {
    const partition = turn % partitions;
    const [first] = chunk;
    if (first === undefined) return;
    const [sent] = await sendOrTell(producer, {
      topic: first.topic,
      compression: codecs[turn % codecs.length] ?? CompressionTypes.None,
      messages: chunk.map((record) => messageOf(record, partition)),
    });
    const base = BigInt(sent?.baseOffset ?? '0');
    chunk.forEach((record, index) => places.set(place(record.topic, partition, base + BigInt(index)), record));
  };
  let turn = 0;
  for (const topic of new Set(records.map((record) => record.topic))) {
    for (const chunk of chunksOf(records.filter((record) => record.topic === topic))) {
      turn += 1;
      if (turn % 3 !== 0) await send(plain, chunk, turn);
      else {
        const transaction = await transactional.transaction();
        await send(transaction, chunk, turn);
        await transaction.commit();
        // One that is given up leaves records that nobody may see, and another control record.
        const givenUp = await transactional.transaction();
        await givenUp.send({ topic, messages: [{ key: 'given up', value: '{', partition: turn % partitions }] });
        await givenUp.abort();
      }
    }
  }
  await Promise.all([plain.disconnect(), transactional.disconnect()]);
  return places;
};

const countOf = async (url: string, statement: string): Promise<number> =>
  Number((await queryRows<{ n: string }>(url, statement))[0]?.n ?? 0);

/** 10,000 bad records and more, among good ones. */
export const badRecords = async (options: PartOptions): Promise<PartResult> => {
  const { fleet, say } = options;
  const random = seededBy(options.seeds[0] ?? 1);
  const planned = plan(options, random);
  const bad = planned.length - goodRecords;
  say(`records: ${bad} bad ones of ${Object.keys(classes).length} classes among ${goodRecords} good ones`);
  const places = await produce(options, planned);
  say('records: all are on their topics');

  const email = fleet.environment['KAFKA_EMAIL_TOPIC'] ?? '';
  const delivery = fleet.environment['KAFKA_DELIVERY_TOPIC'] ?? '';
  const read = [
    { group: 'email-send', topic: email },
    { group: 'email-send-bulk', topic: `${email}-bulk` },
    { group: 'email-send-otp', topic: `${email}-otp` },
    { group: 'delivery-events', topic: delivery },
  ];
  const faults = await uncommitted(fleet, read, 600_000);
  faults.push(
    ...(await uncommitted(
      fleet,
      read.map(({ topic }) => ({ group: 'dead-letters', topic: `${topic}.dead` })),
      300_000,
    )),
  );

  const letters = await queryRows<{ place: string }>(
    fleet.databaseUrl,
    `select topic || ':' || partition || ':' || "offset" as place from dead_letters`,
  );
  const dead = new Set(letters.map((letter) => letter.place));
  const missing: string[] = [];
  const wrong: string[] = [];
  let harmless = 0;
  for (const [at, { kind, fate }] of places) {
    if (fate === 'dead' && !dead.has(at)) missing.push(`${kind} at ${at}`);
    if (fate === 'done' && dead.has(at)) wrong.push(at);
    if (fate === 'either' && !dead.has(at)) harmless += 1;
  }
  faults.push(...few(missing, 'bad records are in no dead letter'));
  faults.push(...few(wrong, 'good records are dead letters'));
  faults.push(
    ...few(
      [...dead].filter((at) => !places.has(at)),
      'dead letters of records that nobody wrote',
    ),
  );

  const sent = `select count(*) as n from messages where request_id like 'good-%' and status in ('sent', 'delivered', 'bounced', 'complained', 'deferred')`;
  await waitFor(async () => (await countOf(fleet.databaseUrl, sent)) === goodRecords / 2, {
    what: 'every good request sent',
    deadlineMs: 120_000,
  }).catch((error: unknown) => faults.push(error instanceof Error ? error.message : String(error)));
  const counted = await countOf(
    fleet.databaseUrl,
    `select coalesce(sum(delivered), 0) as n from domain_counters where domain like 'good%'`,
  );
  if (counted !== (goodRecords / 2) * 3)
    faults.push(`good events counted ${counted} deliveries instead of ${(goodRecords / 2) * 3}`);
  faults.push(...(await fleetFaults(fleet)));
  return {
    name: 'records',
    note: `${bad} bad records: ${dead.size} dead letters, ${harmless} that were harmless in truth; ${goodRecords} good ones done; seed ${options.seeds[0] ?? 1}`,
    faults,
  };
};

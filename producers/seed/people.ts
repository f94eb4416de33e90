import type { MailboxProvider } from '../../shared/domain/mailbox-provider.ts';
import { chooser, createRandom } from '../../shared/domain/random.ts';

/** Somebody who gets mail. The same number is the same person all through a seed. */
export interface Person {
  readonly email: string;
  readonly name: string;
  readonly domain: string;
  readonly provider: MailboxProvider;
  /** Their domain takes mail for every address, so nothing to it bounces. */
  readonly isCatchAll: boolean;
}

const firstNames =
  'Ann Bo Carla Deniz Eve Femi Gita Hugo Ines Jan Kai Lena Mona Nils Olga Paul Rosa Sam Tove Uma'.split(' ');
const lastNames =
  'Berg Costa Diaz Endo Fox Grau Hahn Ito Jung Khan Lund Mora Nagy Okoye Popa Reis Sato Toth Vega'.split(' ');
const openings = 'acre blue cedar delta ember field grand hill iron jade kite lime maple north ocean pine'.split(' ');
const endings = 'works labs foods media tools bank travel school'.split(' ');

const companyDomains = 500;

const publicDomains: Readonly<Record<Exclude<MailboxProvider, 'other'>, (at: number) => string>> = {
  gmail: chooser([
    ['gmail.com', 0.97],
    ['googlemail.com', 0.03],
  ]),
  outlook: chooser([
    ['outlook.com', 0.5],
    ['hotmail.com', 0.35],
    ['live.com', 0.15],
  ]),
  yahoo: chooser([
    ['yahoo.com', 0.7],
    ['yahoo.co.uk', 0.15],
    ['aol.com', 0.15],
  ]),
  icloud: chooser([
    ['icloud.com', 0.8],
    ['me.com', 0.2],
  ]),
};

const providerOf = chooser<MailboxProvider>([
  ['gmail', 0.3],
  ['outlook', 0.17],
  ['yahoo', 0.08],
  ['icloud', 0.05],
  ['other', 0.4],
]);

// .example (RFC 2606) belongs to nobody, so no invented address can be a stranger's.
const companyDomain = (rank: number): string => {
  const opening = openings[rank % openings.length] ?? '';
  const ending = endings[Math.floor(rank / openings.length) % endings.length] ?? '';
  const number = Math.floor(rank / (openings.length * endings.length));
  return `${opening}-${ending}${number === 0 ? '' : number}.example`;
};

// Zipf: the nth most frequent domain has 1/n of the first one's mail.
const rankOf = chooser(Array.from({ length: companyDomains }, (_, rank) => [rank, 1 / (rank + 1)] as const));

const pick = (list: readonly string[], at: number): string => list[Math.floor(at * list.length)] ?? '';

/** The people of a seed, as a function of their number: nothing is kept, however many there are. */
export const peopleOf =
  (seed: number): ((number: number) => Person) =>
  (number) => {
    const random = createRandom(Math.imul(seed + 1, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35));
    const first = pick(firstNames, random.next());
    const last = pick(lastNames, random.next());
    const provider = providerOf(random.next());
    const at = random.next();
    const rank = provider === 'other' ? rankOf(at) : -1;
    const domain = provider === 'other' ? companyDomain(rank) : publicDomains[provider](at);
    return {
      email: `${first.toLowerCase()}.${last.toLowerCase()}.seed${number}@${domain}`,
      name: `${first} ${last}`,
      domain,
      provider,
      isCatchAll: rank >= 0 && rank % 2 === 0,
    };
  };

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { suppressionScopes } from '../../../shared/contracts/suppressions-api.ts';
import { chooseLanguage } from '../../../shared/domain/choose-language.ts';
import { isSoftBounced, type SoftBounceOutcome } from '../../../shared/domain/soft-bounces.ts';
import { isKeptBack, recipientHash, scopeOf, widestOf } from '../../../shared/domain/suppression.ts';

const code = { messageClass: 'otp', list: null };
const receipt = { messageClass: 'transactional', list: null };
const bulk = { messageClass: 'bulk', list: null };
const news = { messageClass: 'transactional', list: 'news' };

describe('A suppression', () => {
  it.each([
    ['all', '', [true, true, true, true]],
    ['all-but-codes', '', [false, true, true, true]],
    ['promotional', '', [false, false, true, true]],
    ['list', 'news', [false, false, false, true]],
    ['list', 'offers', [false, false, false, false]],
  ] as const)('of %s %s keeps back codes, receipts, bulk, news: %j', (scope, list, kept) => {
    expect([code, receipt, bulk, news].map((mail) => isKeptBack({ reason: 'manual', scope, list }, mail))).toEqual(
      kept,
    );
  });

  it.each([
    ['hard-bounce', null, receipt, 'all'],
    ['complaint', null, bulk, 'promotional'],
    ['complaint', null, news, 'promotional'],
    ['complaint', null, receipt, 'all-but-codes'],
    ['unsubscribe', 'news', news, 'list'],
    ['unsubscribe', null, undefined, 'promotional'],
    ['soft-bounces', null, bulk, 'all-but-codes'],
    ['manual', null, undefined, 'all'],
    ['import', 'news', undefined, 'list'],
  ] as const)('by %s of list %s about %j covers %s', (reason, list, about, scope) => {
    expect(scopeOf(reason, list, about)).toBe(scope);
  });

  it('that covers most is told of', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...suppressionScopes), { minLength: 1 }), (scopes) => {
        const widest = widestOf(scopes.map((scope) => ({ reason: 'manual' as const, scope, list: '' })));
        for (const scope of scopes) {
          expect(suppressionScopes.indexOf(widest?.scope ?? 'list')).toBeGreaterThanOrEqual(
            suppressionScopes.indexOf(scope),
          );
        }
      }),
    );
  });

  it('knows an address in any case', () => {
    expect(recipientHash('Ann@Example.org')).toEqual(recipientHash('ann@example.ORG'));
    expect(recipientHash('ann@example.org')).not.toEqual(recipientHash('bob@example.org'));
  });
});

describe('Soft bounces', () => {
  const now = Date.UTC(2026, 0, 31);
  const at = (days: number, type: SoftBounceOutcome['type'] = 'soft-bounced', messageId = `m${days}`) => ({
    ...{ messageId, type },
    atMs: now - days * 86_400_000,
  });
  it.each([
    ['five over four days', [9, 8, 7, 6, 5].map((days) => at(days)), true],
    ['five over exactly three days', [8, 7.5, 7, 6, 5].map((days) => at(days)), true],
    ['five of one afternoon', [5.2, 5.1, 5, 4.9, 4.8].map((days) => at(days)), false],
    ['four', [9, 8, 7, 5].map((days) => at(days)), false],
    ['five of four messages', [at(9), at(8), at(7), at(6), at(5, 'soft-bounced', 'm6')], false],
    ['five with a delivery between', [...[9, 8, 7, 6, 5].map((days) => at(days)), at(6.5, 'delivered')], false],
    ['five after a delivery', [...[9, 8, 7, 6, 5].map((days) => at(days)), at(10, 'delivered')], true],
    ['five before a delivery', [...[9, 8, 7, 6, 5].map((days) => at(days)), at(1, 'delivered')], false],
    ['five of which one is too old', [31, 8, 7, 6, 5].map((days) => at(days)), false],
    ['none', [], false],
  ])('%s suppress: %s', (_what, outcomes, expected) => {
    expect(isSoftBounced(outcomes, now)).toBe(expected);
    expect(isSoftBounced([...outcomes].reverse(), now)).toBe(expected);
  });
});

describe('A language', () => {
  it.each([
    ['fr-CA', 'fr'],
    ['FR', 'fr'],
    ['pt-BR', 'pt-BR'],
    ['pt', 'en'],
    ['zh-Hant-TW', 'zh-Hant'],
    ['de', 'en'],
    [undefined, 'en'],
  ])('%s is answered in %s', (asked, expected) => {
    expect(chooseLanguage(['en', 'fr', 'pt-BR', 'zh-Hant'], asked, 'en')).toBe(expected);
  });
});

import { expect, it } from '@jest/globals';
import { policyName } from '../../../shared/contracts/routing-api.ts';
import { weightPolicies } from '../../../shared/domain/weigh-esps.ts';

it('knows every policy by its name', () => {
  expect([...policyName.options].sort()).toEqual([...weightPolicies].sort());
});

import { whatIfAnswer, whatIfQuestion } from '../../../../shared/contracts/routing-api.ts';
import { draftStanding, loadSituation } from '../../../../shared/db/decide-weights.ts';
import type { NewDecision } from '../../../../shared/db/weight-decisions.ts';
import { compareWeights, explainWhatIf, suppose, type Weighing } from '../../../../shared/domain/what-if.ts';
import { warningFor } from '../esp-entry.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, problemSchema } from '../problem.ts';
import { allowEmptyBody } from '../read-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const weighingOf = ({ policy, weights, providerWeights, basis }: NewDecision): Weighing => ({
  policy,
  weights,
  providerWeights,
  scores: basis.scores,
});

/** `POST /v1/weights/simulate`: what the weights would be, were an ESP paused or another policy used. Stores nothing. */
export const whatIfRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, weighing } = context;
  allowEmptyBody(app);

  /** Refuses names that no configured ESP has. */
  const check = (field: string, names: readonly string[] | undefined): void => {
    const errors = (names ?? []).flatMap((name, index) =>
      weighing.esps.includes(name)
        ? []
        : [
            {
              pointer: `/${field}/${index}`,
              detail: `is not configured; there are: ${weighing.esps.join(', ')}`,
            },
          ],
    );
    if (errors.length > 0) throw new HttpProblem(422, 'The request cannot be processed', { errors });
  };

  app.post(
    '/v1/weights/simulate',
    {
      config: needs('read'),
      schema: {
        tags: ['routing'],
        operationId: 'simulateWeights',
        summary: 'What the weights would be, were an ESP paused or another policy used',
        security: withKey,
        body: whatIfQuestion,
        response: { 200: whatIfAnswer, 400: problemSchema, 401: problemSchema, 422: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const { days, ...question } = request.body;
      check('without', question.without);
      check('esps', question.esps);
      if (question.esps?.length === 0) {
        throw new HttpProblem(422, 'The request cannot be processed', {
          errors: [{ pointer: '/esps', detail: 'names no ESP' }],
        });
      }
      const now = await loadSituation(pool, accountId, weighing);
      const past = days === now.days ? now : await loadSituation(pool, accountId, weighing, days);
      const today = draftStanding(accountId, weighing, now);
      const supposed = suppose(question, { ...weighing, states: past.states.byEsp });
      const states = { ...past.states, byEsp: supposed.states };
      const settings = { ...weighing, policy: supposed.policy, esps: supposed.esps };
      const then = draftStanding(accountId, settings, { ...past, states });
      const comparison = compareWeights(weighingOf(today), weighingOf(then), then.basis.cells);
      const warning = warningFor(settings, states);
      return {
        policy: then.policy,
        days,
        weights: { ...then.weights },
        providerWeights: Object.fromEntries(
          Object.entries(then.providerWeights).map(([name, of]) => [name, { ...of }]),
        ),
        esps: [...comparison.esps],
        expected: comparison.expected,
        today: { weights: { ...today.weights }, ...comparison.today },
        reason: `${explainWhatIf(question, comparison)} ${then.reason}`,
        ...(warning === undefined ? {} : { warning }),
      };
    },
  );
};

import { z } from 'zod';
import { espNameText } from '../../../../shared/contracts/esp-name.ts';
import { espAnswer, espsAnswer, limitsChange, modeChange } from '../../../../shared/contracts/routing-api.ts';
import { draftStanding, loadSituation } from '../../../../shared/db/decide-weights.ts';
import { changeControls } from '../../../../shared/db/esp-controls.ts';
import { loadEspStates, type EspControls } from '../../../../shared/db/esp-states.ts';
import { latestDecision } from '../../../../shared/db/weight-decisions.ts';
import type { EspMode } from '../../../../shared/domain/allowances.ts';
import { newRamp } from '../../../../shared/domain/ramp.ts';
import type { Esp } from '../../../../shared/esp/esp.ts';
import type { Caller } from '../../check-key.ts';
import { callerOf, needs } from '../access.ts';
import { espEntry, warningFor } from '../esp-entry.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { allowEmptyBody } from '../read-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const verbs = [
  {
    action: 'pause',
    operationId: 'pauseEsp',
    mode: 'paused',
    summary: 'Give an ESP no mail at all; what was planned for it goes elsewhere',
  },
  {
    action: 'drain',
    operationId: 'drainEsp',
    mode: 'draining',
    summary: 'Give an ESP no new mail; it still sends what was planned for it',
  },
  { action: 'resume', operationId: 'resumeEsp', mode: 'active', summary: 'Use an ESP again' },
  {
    action: 'probe-only',
    operationId: 'probeEspOnly',
    mode: 'probe-only',
    summary: 'Give an ESP one message a round, to see how it does',
  },
] as const satisfies readonly {
  readonly action: string;
  readonly operationId: string;
  readonly mode: EspMode;
  readonly summary: string;
}[];

const espParam = z.object({ esp: espNameText });
const faults = {
  400: problemSchema,
  401: problemSchema,
  403: problemSchema,
  404: problemSchema,
  422: problemSchema,
};

/** `GET /v1/esps`, and what an admin may change about one of them. */
export const espRoutes = (app: RouteApp, context: IngressContext): void => {
  const { pool, weighing } = context;
  allowEmptyBody(app);

  app.get(
    '/v1/esps',
    {
      config: needs('read'),
      schema: {
        tags: ['routing'],
        operationId: 'listEsps',
        summary: 'The configured ESPs: what operators want of them, how they do, and what they may have',
        security: withKey,
        response: { 200: espsAnswer, 401: problemSchema },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const [states, decision] = await Promise.all([
        loadEspStates(pool, weighing.roundSeconds),
        latestDecision(pool, accountId, ''),
      ]);
      return { data: context.esps.map((esp) => espEntry(esp, states, weighing.thresholds, decision?.weights ?? {})) };
    },
  );

  const configured = (name: string): Esp => {
    const esp = context.esps.find((candidate) => candidate.name === name);
    if (esp === undefined) throw notFound('ESP');
    return esp;
  };

  /** Changes an ESP's controls and answers with what holds from now on, before any other process has acted on it. */
  const change = async (
    { accountId }: Caller,
    esp: Esp,
    { action, reason }: { readonly action: string; readonly reason: string | undefined },
    next: (before: EspControls) => EspControls,
  ) => {
    await changeControls(pool, esp.name, { action, accountId, reason: reason ?? null }, next);
    const situation = await loadSituation(pool, accountId, weighing);
    const { weights } = draftStanding(accountId, weighing, situation);
    const warning = warningFor(weighing, situation.states);
    return {
      ...espEntry(esp, situation.states, weighing.thresholds, weights),
      ...(warning === undefined ? {} : { warning }),
    };
  };

  for (const { action, operationId, mode, summary } of verbs) {
    app.post(
      `/v1/esps/:esp/${action}`,
      {
        config: needs('admin', 'the fleet'),
        schema: {
          tags: ['routing'],
          operationId,
          summary,
          security: withKey,
          params: espParam,
          body: modeChange,
          response: { 200: espAnswer, ...faults, 409: problemSchema },
        },
      },
      async (request) => {
        const caller = callerOf(request);
        const esp = configured(request.params.esp);
        // Compared under the lock of the change, so that of two at once one hears that it came second.
        return change(caller, esp, { action, reason: request.body.reason }, (before) => {
          if (before.mode === mode)
            throw new HttpProblem(409, 'Already so', { detail: `${esp.name} is ${mode} already.` });
          return { ...before, mode };
        });
      },
    );
  }

  app.put(
    '/v1/esps/:esp/limits',
    {
      config: needs('admin', 'the fleet'),
      schema: {
        tags: ['routing'],
        operationId: 'setEspLimits',
        summary: 'How much an ESP may be sent by second, day and month, and how fast a new one grows',
        security: withKey,
        params: espParam,
        body: limitsChange,
        response: { 200: espAnswer, ...faults },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { reason, ramp, ...limits } = request.body;
      const esp = configured(request.params.esp);
      return change(caller, esp, { action: 'limits', reason }, (before) => ({
        ...before,
        perSecond: limits.perSecond === undefined ? before.perSecond : limits.perSecond,
        perDay: limits.perDay === undefined ? before.perDay : limits.perDay,
        perMonth: limits.perMonth === undefined ? before.perMonth : limits.perMonth,
        ramp: ramp === undefined ? before.ramp : ramp === null ? null : newRamp(ramp.percentPerDay, new Date()),
      }));
    },
  );
};

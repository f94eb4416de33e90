import {
  adminEnv,
  espEnv,
  healthEnv,
  logEnv,
  postgresEnv,
  readEnv,
  suppressionEnv,
  weightEnv,
} from '../../shared/config/env.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { weighSettings } from '../../shared/db/decide-weights.ts';
import { routingChannel } from '../../shared/db/esp-health.ts';
import { listenTo } from '../../shared/db/listen.ts';
import { configuredEsps, suppressionLists } from '../../shared/esp/accounts.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { runTicker } from '../../shared/runtime/run-ticker.ts';
import { suppressionsTicker } from './ticker-suppressions.ts';
import { healthTicker, plansTicker, weigher, weightsTicker } from './ticker.ts';

const env = readEnv({
  ...postgresEnv,
  ...espEnv,
  ...weightEnv,
  ...healthEnv,
  ...suppressionEnv,
  ...adminEnv,
  ...logEnv,
});

await runProcess('esp-weights', env, (scope) => {
  const { log, metrics, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 3, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  const weighing = weighSettings(
    env,
    configuredEsps(env).map((esp) => esp.name),
  );
  const deps = { pool, log, metrics, weighing };
  const reweigh = weigher(deps);
  let isAsked = false;
  const listener = listenTo(env.DATABASE_URL, routingChannel, () => {
    isAsked = true;
  });
  onClose('listener', () => listener.close());
  runTicker(healthTicker(deps, reweigh), scope);
  runTicker(weightsTicker(reweigh), scope);
  runTicker(
    {
      name: 'weights-when-told',
      everyMs: 250,
      tick: async () => {
        if (!isAsked) return false;
        isAsked = false;
        await reweigh();
        return false;
      },
    },
    scope,
  );
  runTicker(plansTicker(deps), scope);
  const pullMinutes = env.SUPPRESSION_PULL_MINUTES;
  if (pullMinutes > 0)
    runTicker(suppressionsTicker({ pool, log, lists: suppressionLists(env) }, pullMinutes * 60_000), scope);
  return Promise.resolve();
});

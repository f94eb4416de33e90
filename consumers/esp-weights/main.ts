import { adminEnv, espEnv, healthEnv, logEnv, postgresEnv, readEnv, weightEnv } from '../../shared/config/env.ts';
import { connectPostgres } from '../../shared/db/connect.ts';
import { configuredEsps } from '../../shared/esp/accounts.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { runTicker } from '../../shared/runtime/run-ticker.ts';
import { healthTicker, weightsTicker } from './ticker.ts';

const env = readEnv({ ...postgresEnv, ...espEnv, ...weightEnv, ...healthEnv, ...adminEnv, ...logEnv });

await runProcess('esp-weights', env, (scope) => {
  const { log, metrics, onClose } = scope;
  const pool = connectPostgres(env.DATABASE_URL, 2, (error) => {
    log.warn({ err: error }, 'an idle connection to Postgres was lost');
  });
  onClose('Postgres', () => pool.end());
  const deps = {
    pool,
    log,
    metrics,
    weighing: { policy: env.WEIGHT_POLICY, esps: configuredEsps(env).map((esp) => esp.name) },
    roundSeconds: env.HEALTH_ROUND_SECONDS,
    thresholds: { healthyThreshold: env.HEALTHY_THRESHOLD, unhealthyThreshold: env.UNHEALTHY_THRESHOLD },
  };
  runTicker(healthTicker(deps), scope);
  runTicker(weightsTicker(deps), scope);
  return Promise.resolve();
});

// npm run test:hostile: the fleet against bad input. The last line of stdout is `N passed, N failed`.
import { bootstrap } from './bootstrap.mjs';

await bootstrap();
try {
  await import('../dist/test/hostile/main.js');
} catch (error) {
  console.error(error?.code === 'config' ? error.message : error);
  process.exit(1);
}

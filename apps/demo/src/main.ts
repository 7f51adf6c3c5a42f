import { findRedisOnPath } from 'local-servers';
import { explainBootFailure } from './boot-failure.js';
import { readDemoConfig, type DemoConfig } from './config/demo-config.js';
import { DemoLogger } from './demo.logger.js';
import { startDemo, type RunningDemo } from './start-demo.js';

const logger = new DemoLogger();
let config: DemoConfig | undefined;
let starting: Promise<RunningDemo> | undefined;

const IMPATIENCE_MS = 1000;
let stoppingSinceMs: number | undefined;

/**
 * The first signal ends everything in order, also in the middle of starting. One more a second later ends it at once;
 * sooner it is the same one, which both the terminal and the command around this process pass on.
 */
function onSignal(signal: NodeJS.Signals): void {
  if (stoppingSinceMs === undefined) {
    stoppingSinceMs = performance.now();
    void stop(signal);
  } else if (performance.now() - stoppingSinceMs > IMPATIENCE_MS) {
    process.exit(1);
  }
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  logger.log(`${signal}: stopping`, 'Demo');
  try {
    const demo = await starting;
    await demo?.stop();
    process.exit(0);
  } catch (error) {
    logger.error(error);
    process.exit(1);
  }
}

/** What is under way fails anyway, and its failures are not news. */
function onDatabaseLost(): void {
  if (stoppingSinceMs !== undefined) return;
  logger.fatal('the embedded Postgres has ended by itself, and the demo with it: start it again', 'Demo');
  process.exit(1);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);

try {
  config = readDemoConfig(process.env, { redisServer: await findRedisOnPath() });
  starting = startDemo(config, logger);
  const { databaseLost } = await starting;
  void databaseLost.then(onDatabaseLost);
} catch (error) {
  const explanation = explainBootFailure(error, config);
  if (explanation) logger.fatal(explanation, 'Demo');
  else logger.fatal(error, 'Demo');
  process.exit(1);
}

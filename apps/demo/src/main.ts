import { explainBootFailure } from './boot-failure.js';
import { readDemoConfig, type DemoConfig } from './config/demo-config.js';
import { DemoLogger } from './demo.logger.js';
import { startDemo, type RunningDemo } from './start-demo.js';

const logger = new DemoLogger();
let config: DemoConfig | undefined;
let starting: Promise<RunningDemo> | undefined;

/** The first signal ends everything in order, also in the middle of starting; the second one at once. */
async function stopOnSignal(signal: NodeJS.Signals): Promise<void> {
  process.once(signal, () => process.exit(1));
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopOnSignal(signal));

try {
  config = readDemoConfig(process.env);
  starting = startDemo(config, logger);
  await starting;
} catch (error) {
  const explanation = explainBootFailure(error, config);
  if (explanation) logger.fatal(explanation, 'Demo');
  else logger.fatal(error, 'Demo');
  process.exit(1);
}

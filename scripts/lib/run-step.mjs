import { execa } from 'execa';

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

// What npm tells its scripts about itself is not meant for the npm that they start.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'npm_config_loglevel'));

/** Runs one command in the open and says how long it took. @returns Whether it ended with exit code 0. */
export async function runStep({ name, command, args, env = {} }) {
  console.log(`\n▶ ${name}`);
  const startedAtMs = performance.now();
  const result = await execa(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    reject: false,
    extendEnv: false,
    env: { ...environment, ...env },
  });
  const took = seconds(performance.now() - startedAtMs);
  const how = result.exitCode === undefined ? (result.signal ?? result.shortMessage) : `exit code ${result.exitCode}`;
  console.log(result.failed ? `✖ ${name} failed after ${took} (${how})` : `✔ ${name} ${took}`);
  return !result.failed;
}

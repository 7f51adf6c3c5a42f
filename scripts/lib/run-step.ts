import { execa } from 'execa';

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

// npm sets its log level for its scripts; the npm that a script starts must not inherit it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'npm_config_loglevel'));

/** Runs one command, shows its output, and prints how long it took. @returns Whether it ended with exit code 0. */
export async function runStep({ name, command, args, env = {} }: Step): Promise<boolean> {
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

/** A setting from the environment is wrong. The message is one line and starts with the variable's name. */
export class DemoConfigError extends Error {
  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.name = 'DemoConfigError';
  }
}

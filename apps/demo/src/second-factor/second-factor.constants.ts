/** DI token of `SecondFactorSettings`. */
export const SECOND_FACTOR_SETTINGS = Symbol('nest-sessions-demo:second-factor-settings');

import type { SessionLogger } from '../../core/support/logger.js';
import { describeDeviation, type ProfileSettings } from '../options/policy-deviations.js';

/** Says at boot what is looser than the profile: a warning each, or at debug level where that is justified. */
export function reportDeviations(
  { deviations, needlessJustifications }: ProfileSettings,
  logger: Pick<SessionLogger, 'warn' | 'debug'>,
): void {
  for (const deviation of deviations) {
    const line = describeDeviation(deviation);
    if (deviation.justification !== null) logger.debug(line);
    else logger.warn(`${line}: keep to it, or say in justifications['${deviation.option}'] why not`);
  }
  for (const option of needlessJustifications) {
    logger.warn(
      `justifications['${option}'] is not needed and would hide a later deviation: ${option} keeps to the profile`,
    );
  }
}

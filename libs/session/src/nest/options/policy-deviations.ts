import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { findMoveProblem } from './moved-options.js';
import { assertObject, assertOneOf, describeValue } from './option-checks.js';
import type { JustifiableOption, SessionModuleOptions, SessionProfile } from './session-module-options.interface.js';
import { listProfileRules, PROFILES, type ProfiledSettings } from './session-profiles.js';

/** An option that is looser than the selected profile asks for. */
export interface PolicyDeviation {
  readonly option: JustifiableOption;
  /** As the option is written: `'2h'`, `'true'`. */
  readonly effective: string;
  /** What the profile asks for. */
  readonly limit: string;
  /** Document and section that the limit is from. */
  readonly source: string;
  /** What `justifications` says of it; `null`: nothing. */
  readonly justification: string | null;
}

export interface ProfileSettings {
  /** `undefined`: no profile, hence no deviations. */
  readonly profile: SessionProfile | undefined;
  readonly deviations: readonly PolicyDeviation[];
  /** Options with a justification that keep to the profile. */
  readonly needlessJustifications: readonly JustifiableOption[];
}

const MAX_JUSTIFICATION_LENGTH = 1000;
// eslint-disable-next-line no-control-regex -- they could forge lines in a log (ASVS 16.4.1)
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Checked on its own, before the profile gives defaults to other options. */
export function assertProfile(profile: unknown): void {
  if (profile !== undefined) assertOneOf(profile, PROFILES, 'profile');
}

/**
 * Compares the settings with the profile.
 *
 * @throws {SessionConfigurationError} A limit that the profile's source makes mandatory is not kept, or a justification
 *   is blank or of something that the profile does not limit.
 */
export function resolveProfile(
  { profile, justifications = {} }: SessionModuleOptions,
  settings: ProfiledSettings,
): ProfileSettings {
  const rules = listProfileRules(profile);
  assertJustifications({ profile, justifications });
  const broken = rules.filter((rule) => !rule.isKept(settings));
  const deviations = broken.map((rule): PolicyDeviation => {
    const { option, limit, source } = rule;
    const effective = rule.effective(settings);
    if (rule.isMandatory) {
      throw new SessionConfigurationError(
        option,
        `is ${effective}, but profile '${profile}' allows at most ${limit} and no justification lifts that (${source}): shorten it or choose another profile`,
      );
    }
    return { option, effective, limit, source, justification: justifications[option]?.trim() ?? null };
  });
  const needless = rules.filter((rule) => !broken.includes(rule) && justifications[rule.option] !== undefined);
  return { profile, deviations, needlessJustifications: needless.map(({ option }) => option) };
}

/** A deviation in one line. */
export function describeDeviation({ option, effective, limit, source, justification }: PolicyDeviation): string {
  const reason = justification === null ? 'without justification' : `justified by "${justification}"`;
  return `${option} is ${effective} where the profile asks for ${limit} [${source}], ${reason}`;
}

function assertJustifications({
  profile,
  justifications,
}: Required<Pick<SessionModuleOptions, 'justifications'>> & Pick<SessionModuleOptions, 'profile'>): void {
  assertObject(justifications, 'justifications');
  const limited: readonly string[] = listProfileRules(profile).map(({ option }) => option);
  for (const [option, text] of Object.entries<unknown>(justifications)) {
    if (text === undefined) continue;
    if (!limited.includes(option)) {
      const knows = profile === undefined ? 'there is no profile' : `profile '${profile}' limits ${limited.join(', ')}`;
      const path = `justifications.${option}`;
      throw new SessionConfigurationError(path, findMoveProblem(path) ?? `has nothing to justify: ${knows}`);
    }
    if (typeof text === 'string' && text.trim() !== '' && text.length <= MAX_JUSTIFICATION_LENGTH) {
      if (!CONTROL.test(text)) continue;
    }
    throw new SessionConfigurationError(
      `justifications.${option}`,
      `must say in one line of at most ${MAX_JUSTIFICATION_LENGTH} characters why ${option} may be looser than the profile, but is ${describeValue(text)}`,
    );
  }
}

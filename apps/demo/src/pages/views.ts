import type { ProofKind } from '../auth/proof.js';
import type { DeviceSummary } from '../devices/device-summary.js';

/** What each template is given besides what all of them get. */
export interface Views {
  'sign-in': {
    readonly returnTo: string;
    readonly email: string;
    readonly error?: string;
    readonly demoUsers: readonly { readonly name: string; readonly email: string; readonly password: string }[];
  };
  account: {
    readonly name: string;
    readonly email: string;
    readonly device: DeviceSummary;
    readonly confirmed: Moment;
    readonly endsAt: Moment;
    readonly sessionCount: number;
    /** `null`: none is set up. */
    readonly secondFactor: { readonly since: Moment; readonly recoveryCodesLeft: number } | null;
  };
  sessions: { readonly current: DeviceSummary; readonly others: readonly DeviceSummary[] };
  confirm: {
    readonly question: string;
    readonly explanation: string;
    readonly button: string;
    /** Path of this page, which the form posts to. */
    readonly path: string;
    readonly isDangerous: boolean;
    readonly cancelPath: string;
    /** Where it leads on to, when the path does not say so. */
    readonly returnTo?: string;
    /** What has to be proved for it, if anything. */
    readonly proof?: ProofQuestion;
  };
  code: { readonly returnTo: string; readonly proof: ProofQuestion };
  'second-factor-set-up': {
    /** An `<svg>` element. */
    readonly qrCode: string;
    /** In groups, to be typed. */
    readonly secret: string;
    readonly email: string;
    readonly ticket: string;
    readonly error?: string;
  };
  'recovery-codes': { readonly codes: readonly string[] };
  password: { readonly email: string; readonly error?: string };
  problem: {
    readonly heading: string;
    readonly explanation: string;
    readonly link: { readonly href: string; readonly text: string };
  };
}

export type ViewName = keyof Views;

/** One kind of proof, as a form asks for it, and links to the other kinds. */
export interface ProofQuestion {
  readonly kind: ProofKind;
  readonly email: string;
  readonly error?: string;
  readonly choices: readonly { readonly text: string; readonly href: string }[];
}

/** An instant in words, the exact one and the machine's. */
export interface Moment {
  readonly words: string;
  /** Such as `23 November 2026 at 14:05:09 UTC`. */
  readonly exact: string;
  readonly iso: string;
}

/** What the layout is given. */
export interface PageFrame {
  readonly title: string;
  /** The signed-in user's name: shows the menu with the sign-out button. */
  readonly userName?: string;
  /** Which entry of the menu is this page. */
  readonly menu?: 'account' | 'sessions';
  readonly notice?: string;
}

import type { DeviceSummary } from '../devices/device-summary.js';

/** What each template is given besides what all of them get. */
export interface Views {
  'sign-in': {
    readonly next: string;
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
  };
  sessions: { readonly current: DeviceSummary; readonly others: readonly DeviceSummary[] };
  confirm: {
    readonly question: string;
    readonly explanation: string;
    readonly button: string;
    /** Path of this page, which the form posts to. */
    readonly path: string;
    readonly email: string;
    readonly error?: string;
  };
  password: { readonly email: string; readonly error?: string };
  problem: {
    readonly heading: string;
    readonly explanation: string;
    readonly link: { readonly href: string; readonly text: string };
  };
}

export type ViewName = keyof Views;

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

export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numTotalTests: number;
  readonly wasInterrupted: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export function countTests(run: {
  readonly report: JestReport | undefined;
  readonly exitedWell: boolean;
  readonly allowSkipped: boolean;
}): { readonly passed: number; readonly failed: number; readonly reasons: readonly string[] };

import { ServiceUnavailableException } from '@nestjs/common';

export interface PasswordQueueLimits {
  readonly maxAtOnce: number;
  readonly maxWaiting: number;
}

/** Lets a few expensive tasks run at a time, in the order in which they came. */
export class PasswordQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: PasswordQueueLimits) {}

  /** @throws {ServiceUnavailableException} Too many wait already. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    await this.takePlace();
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }

  private async takePlace(): Promise<void> {
    if (this.running < this.limits.maxAtOnce) {
      this.running++;
      return;
    }
    if (this.waiting.length >= this.limits.maxWaiting) {
      throw new ServiceUnavailableException('Too many passwords are being checked.');
    }
    // A finished call passes its place on, so that no call overtakes another.
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

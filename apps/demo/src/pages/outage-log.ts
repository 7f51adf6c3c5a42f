import { Injectable, Logger } from '@nestjs/common';

const QUIET_MS = 10_000;

/** One line in ten seconds says that pages cannot be answered, however many are asked for. */
@Injectable()
export class OutageLog {
  private readonly logger = new Logger(OutageLog.name);
  private lastLineAtMs = -Infinity;
  private unsaid = 0;

  report(error: unknown): void {
    const now = performance.now();
    if (now - this.lastLineAtMs < QUIET_MS) {
      this.unsaid++;
      return;
    }
    const more = this.unsaid === 0 ? '' : ` (${this.unsaid} more since the last such line)`;
    this.logger.error(`${describe(error)}${more}`);
    this.lastLineAtMs = now;
    this.unsaid = 0;
  }
}

/** The message, and that of the cause, which says more when ours is about the answer. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  const text = cause && !error.message.includes(cause) ? `${error.message} ${cause}` : error.message;
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

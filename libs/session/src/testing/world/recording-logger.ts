import type { SessionLogger } from '../../core/support/logger.js';

/** A logger that keeps all messages, each after its level: `warn: ...`. */
export class RecordingLogger implements SessionLogger {
  readonly lines: string[] = [];

  debug(message: string): void {
    this.lines.push(`debug: ${message}`);
  }

  log(message: string): void {
    this.lines.push(`log: ${message}`);
  }

  warn(message: string): void {
    this.lines.push(`warn: ${message}`);
  }

  error(message: string): void {
    this.lines.push(`error: ${message}`);
  }
}

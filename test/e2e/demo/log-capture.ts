import type { LoggerService } from '@nestjs/common';

/** Keeps every line that the application logs, whatever its level, and shows none. */
export class LogCapture implements LoggerService {
  readonly lines: string[] = [];

  log = (...parts: unknown[]): void => this.keep(parts);
  error = (...parts: unknown[]): void => this.keep(parts);
  warn = (...parts: unknown[]): void => this.keep(parts);
  debug = (...parts: unknown[]): void => this.keep(parts);
  verbose = (...parts: unknown[]): void => this.keep(parts);
  fatal = (...parts: unknown[]): void => this.keep(parts);

  private keep(parts: unknown[]): void {
    this.lines.push(parts.map((part) => (part instanceof Error ? (part.stack ?? '') : String(part))).join(' '));
  }
}

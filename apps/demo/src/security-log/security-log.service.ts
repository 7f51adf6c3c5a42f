import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { SessionService, toAuditRecord } from 'nest-sessions';

/**
 * Logs what an operator should look at, one line of JSON each, without secrets. What happens to sessions every day is in
 * the audit table; outages have a log of their own.
 */
@Injectable()
export class SecurityLog implements OnModuleInit {
  private readonly logger = new Logger('Security');

  constructor(private readonly sessions: SessionService) {}

  onModuleInit(): void {
    this.sessions.events.onAny((name, event) => {
      const record = toAuditRecord(name, event);
      if (record.level !== 'info' && name !== 'store-unavailable') this.logger.warn(JSON.stringify(record));
    });
  }
}

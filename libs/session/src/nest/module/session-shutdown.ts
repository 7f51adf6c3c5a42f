import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import type { EndNotifier } from '../../core/events/end-notifier.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import type { SuspiciousTokens } from '../../core/service/suspicious-tokens.js';
import type { TouchRecorder } from '../../core/service/touch-recorder.js';
import { SessionCleanupSchedule } from '../cleanup/session-cleanup.schedule.js';
import { LOG_CONTEXT, SESSION_CORE, SESSION_STORE } from '../options/session.constants.js';

/**
 * Stops in two steps. When shutdown begins, it stops the cleanup and writes gathered touches. After the server has answered
 * its last request, it writes touches again, notifies other instances of the last ends, and stops the store.
 *
 * It belongs to a module that is not global. Nest shuts down importing modules before imported and global ones, so the store
 * stops before the global `TypeOrmModule` closes its data source.
 */
@Injectable()
export class SessionShutdown implements OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger(LOG_CONTEXT);

  constructor(
    @Inject(SESSION_STORE) private readonly store: SessionStore,
    @Inject(SESSION_CORE)
    private readonly core: {
      readonly touches: TouchRecorder;
      readonly endNotifier: EndNotifier;
      readonly suspiciousTokens: SuspiciousTokens;
    },
    private readonly schedule: SessionCleanupSchedule,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await this.schedule.stop();
    await this.writeTouches();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.writeTouches();
    this.core.suspiciousTokens.flush();
    await this.core.endNotifier.settle();
    await this.store.stop();
  }

  private async writeTouches(): Promise<void> {
    try {
      await this.core.touches.settle();
    } catch (error) {
      this.logger.warn(`the last activity of some sessions was not written: ${String(error)}`);
    }
  }
}
